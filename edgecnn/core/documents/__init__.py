"""Typed data that is exchanged between processes and steps, and kept in files."""
