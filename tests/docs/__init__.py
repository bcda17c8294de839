"""The documentation is true: what its pages say is run."""
