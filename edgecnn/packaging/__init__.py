"""Packages with a self-test for the device: their content, building and verification."""
