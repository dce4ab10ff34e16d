"""Search for the cheapest network that meets budgets."""
