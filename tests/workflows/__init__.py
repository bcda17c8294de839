"""Real definitions, run whole."""
