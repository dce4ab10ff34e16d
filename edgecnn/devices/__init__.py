"""The parent's side of an execution: it starts a worker, communicates with it, and survives its crashes."""
