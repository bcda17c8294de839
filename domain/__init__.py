"""What is true: definitions, programs, events, executions and the node contract, as pure functions over frozen values."""
