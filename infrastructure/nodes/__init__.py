"""The node library, and the registry of all nodes that a definition may name."""
