"""Where networks come from: one module a source, found by the reference that a user gives."""
