"""Planner, cache keys, runner."""
