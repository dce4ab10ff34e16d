"""Qualcomm's QNN: compiler and simulator of the Hexagon NPU."""
