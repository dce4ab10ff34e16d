"""One folder a vendor: its model format, its runtime, its compiler; and what they have in common."""
