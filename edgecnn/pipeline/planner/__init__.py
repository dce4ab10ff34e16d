"""Which steps a pipeline needs: one module for each part of a plan, and `make` on top."""
