"""The parent's side of an execution: start a worker, talk to it, survive it."""
