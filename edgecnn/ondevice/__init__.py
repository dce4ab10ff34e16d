"""Code that also runs on the device; it uses only numpy, Pillow and the standard library."""
