"""The pipeline's stages, and the modules that they import."""

import os

from stages import bits

# numpy and OpenMP read their settings as they load, and this is the only place that is sure to come before.
bits.pin()
# GNU's OpenMP reads it as torch loads. Its threads would turn in circles for milliseconds while they wait for one that
# is not running, and one computation beside another busy process took 30 times as long; benchmarks/README.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
