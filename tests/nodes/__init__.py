"""The node library and the registry, node by node."""
