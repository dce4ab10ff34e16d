"""What networks are for: one folder a task, found by the kind that a network's description names."""
