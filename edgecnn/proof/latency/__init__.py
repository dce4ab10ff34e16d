"""Latency: measured in turns, compared with intervals."""
