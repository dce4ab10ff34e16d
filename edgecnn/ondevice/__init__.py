"""Code that also runs on the device: numpy, Pillow and the standard library only."""
