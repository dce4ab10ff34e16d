"""One file a stage: a function from files and parameters to files."""
