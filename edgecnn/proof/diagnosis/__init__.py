"""Diagnosis of an int8 file: the loss of each layer, its cause, and what to change."""
