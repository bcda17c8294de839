"""Measurements of Clew on this machine: `make bench` prints one table. Ratios within one run count, not the figures."""
