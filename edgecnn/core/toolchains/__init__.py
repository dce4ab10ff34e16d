"""Vendor tools in separate environments: installation, look-up, checks, execution."""
