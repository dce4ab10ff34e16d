"""Quantization algorithms on numpy and torch, written once for every format."""
