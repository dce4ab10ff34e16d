"""Packages that prove themselves where they are installed: what goes in, how it is built and verified."""
