"""Stages, one per file: functions from files and parameters to files."""
