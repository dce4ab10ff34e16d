"""Sources of networks: one module a source, found by the user's reference."""
