"""Schemas and loaders of pipelines and targets."""
