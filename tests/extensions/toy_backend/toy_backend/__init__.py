"""A format of small chains of layers, and NumPy as its runtime."""
