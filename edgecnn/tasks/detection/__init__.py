"""Networks that find objects in an image and draw boxes around them."""
