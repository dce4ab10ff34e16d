"""Vendors' formats, runtimes and compilers, one folder per vendor, and their common code."""
