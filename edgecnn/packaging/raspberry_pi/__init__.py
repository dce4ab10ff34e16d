"""Packages for Raspberry Pi OS and any other Linux with Python: a wheel, and a bundle with it."""
