"""Reads `dvc.yaml` and the files that it names."""
