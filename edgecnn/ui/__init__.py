"""User interfaces: the functions of `import edgecnn`, the command line, reports, the pytest plugin."""
