"""Planning and execution of pipelines."""
