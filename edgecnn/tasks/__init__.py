"""Tasks of networks: one folder per task, found by the kind in a network's description."""
