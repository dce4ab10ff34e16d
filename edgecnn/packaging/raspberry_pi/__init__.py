"""Packages for Raspberry Pi OS, and every other Linux with Python: a wheel, and a bundle around it."""
