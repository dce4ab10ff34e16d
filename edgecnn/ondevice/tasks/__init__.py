"""Interpretation of a network's outputs, one module per task; a package contains only the one it needs."""
