"""Quantization-aware training: a checkpoint, its ranges and its weight grid, for every format alike."""
