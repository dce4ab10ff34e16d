"""What outputs and times prove: the links of the verification chain, accuracy, latency, diagnosis."""
