"""`clew debug`: an execution walked through by keys, or by one command a line."""
