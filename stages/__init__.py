"""The pipeline's stages, and the modules that they import."""

import os

# GNU's OpenMP reads it as torch loads. Its threads would turn in circles for milliseconds while they wait for one that
# is not running, and one computation beside another busy process took 30 times as long; benchmarks/README.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
