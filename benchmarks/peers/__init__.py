"""Clew beside its peers: each engine runs in a process of its own and prints what it measured as one line of JSON."""
