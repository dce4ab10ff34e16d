"""Model formats: how a checkpoint is lowered, quantized natively and inspected."""
