"""Proofs from outputs and times: the verification chain, accuracy, latency, diagnosis."""
