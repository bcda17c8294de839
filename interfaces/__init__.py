"""For whom: HTTP, the command line and the Python client."""
