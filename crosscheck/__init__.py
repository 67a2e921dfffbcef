"""From a folder of images to a trained network, what it learnt, and comparisons that hold."""

import os
import sys

from crosscheck.core import bits

# numpy and OpenMP read their settings as they load, and this is the only place that is sure to come before.
bits.pin()
# GNU's OpenMP reads it as torch loads. Its threads would turn in circles for milliseconds while they wait for one that
# is not running, and one computation next to another busy process took 30 times as long; benchmarks/README.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# matplotlib and ONNX Runtime read these as they load. A notebook leaves behind a backend that is not installed here,
# and a user's style would change every picture. In the home folder ONNX Runtime would write a device's name and a
# queue of events, and matplotlib its list of fonts. timm loads a library that would ask a hub of weights for them.
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull, "ORT_DISABLE_TELEMETRY": "1"}
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
    os.environ["MPLCONFIGDIR"] = f"{sys.prefix}/var/matplotlib"
