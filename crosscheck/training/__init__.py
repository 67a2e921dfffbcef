"""Trains a network, bit for bit the same after an interruption."""
