"""Tells MLflow what was done; it decides nothing."""
