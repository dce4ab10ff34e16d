"""Structured pruning: what channels a network can lose, what they are worth, and the network without them."""
