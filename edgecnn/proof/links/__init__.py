"""The verification chain: four links from PyTorch to the shipping runtime, their limits and causes."""
