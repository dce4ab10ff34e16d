"""Detectors whose outputs are the raw maps of their heads, so that each keeps an int8 scale of its own."""
