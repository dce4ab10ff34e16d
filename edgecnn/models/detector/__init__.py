"""Detectors that return the raw maps of their heads, so that each map has an int8 scale of its own."""
