"""The HTTP interface: statuses, headers and bodies."""
