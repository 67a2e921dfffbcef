"""Charts, grids of images, and documents."""
