"""Datasets, prepared sets and calibration sets."""
