"""Search of the cheapest network that meets budgets."""
