"""Quantization-aware training, whose results every format can use: checkpoint, ranges, weight grid."""
