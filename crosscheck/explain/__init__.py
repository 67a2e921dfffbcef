"""What a network learnt, layer by layer."""
