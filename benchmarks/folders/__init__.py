"""Folders of images as strangers bring them, what `inspect` makes of each, and what others make of the same images."""
