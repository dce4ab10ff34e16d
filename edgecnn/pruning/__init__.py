"""Structured pruning: removable channels, their importance, and the network without them."""
