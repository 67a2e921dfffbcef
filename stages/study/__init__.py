"""The stages of a study: pack, run and compare."""
