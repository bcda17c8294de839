"""What is done: the engine, its commands and queries, and the ports it needs from the outside."""
