"""What people and programs touch: the functions of `import edgecnn`, the command line, reports, pytest."""
