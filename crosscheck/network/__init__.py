"""The network, its checkpoint and its card, and inference."""
