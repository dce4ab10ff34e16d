"""The functions of `import edgecnn`, one per verb of the command line."""
