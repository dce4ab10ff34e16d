"""Taking an int8 file apart: which layer loses what, why, and what to change."""
