"""What turns a quantized file into a program for an NPU, and what it says of it."""
