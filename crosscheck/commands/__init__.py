"""The commands that people run. DVC runs the stages."""
