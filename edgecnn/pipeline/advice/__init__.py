"""What to change in a network so that an NPU runs it, or runs it cheaper; every change compiled."""
