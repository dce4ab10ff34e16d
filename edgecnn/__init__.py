"""edgecnn: from a CNN in PyTorch to a package that is proven to work on the device."""

__version__ = "0.1.0"
