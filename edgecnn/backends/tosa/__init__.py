"""Arm's TOSA reference model, which simulates Ethos-U NPUs."""
