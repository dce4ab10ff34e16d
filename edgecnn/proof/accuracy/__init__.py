"""Task metrics on labelled images, and their paired statistics."""
