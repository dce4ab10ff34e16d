"""What a network's outputs say, one module a task: a package holds the one that it needs."""
