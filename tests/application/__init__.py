"""What the application does, in commands and results."""
