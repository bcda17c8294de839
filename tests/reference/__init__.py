"""A second, naive implementation of the workflow language, to compare the engine with."""
