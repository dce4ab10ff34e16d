"""Networks: the zoo, weights and checkpoints."""
