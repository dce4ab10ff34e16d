"""The planner: one module for each part of a plan, with `make` on top."""
