"""Typed data that crosses borders: between processes, between steps, and into files."""
