"""The worker's side of an execution: the standard library, numpy and one runtime per process."""
