"""The search for small networks that are as accurate."""
