"""Packages for Android: a library with the model, its preprocessing in Java, and a self-test."""
