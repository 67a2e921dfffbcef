"""The demo: a page in the browser where one draws, and sees inside the network."""
