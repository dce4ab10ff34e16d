"""What outputs and times say: accuracy, signal, the verification chain, budgets, latency."""
