"""One function a verb; the same as the command line offers."""
