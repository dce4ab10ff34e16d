"""Arm's Vela, the compiler for Ethos-U NPUs."""
