"""A task for edgecnn: how bright an image is, one number within 0..1."""
