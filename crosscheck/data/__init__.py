"""From a folder of images to packed arrays."""
