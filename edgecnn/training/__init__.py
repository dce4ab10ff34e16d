"""The training loop; its modules import torch, so they are imported on use."""
