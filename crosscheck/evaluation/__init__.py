"""How well a network does, and whether it knows an image at all."""
