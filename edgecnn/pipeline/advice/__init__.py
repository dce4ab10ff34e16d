"""Advice on changes that let an NPU run a network, or run it cheaper; every change is compiled."""
