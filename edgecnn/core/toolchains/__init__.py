"""Vendor tools in environments of their own: made, found, checked, executed."""
