"""Which CPU instructions and numbers of threads give `base` the same weights: the table of CHANGELOG.md.

    python -m benchmarks.instructions

Trains two epochs over the first 100 images of data/split for every setting, each in a process of its own; about four
minutes on two cores. The same letter means the same bits, for all numbers of threads together.
"""

import json
import string
import subprocess
import sys
from pathlib import Path

from crosscheck.core.bits import PORTABLE, unpinned

THREADS = (1, 2, 4)
ATEN, ONEDNN, MKL = PORTABLE
AVX2 = {ATEN: "avx2", ONEDNN: "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "torch: AVX2": {ATEN: "avx2"},
    "MKL: AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "oneDNN: AVX2": {ONEDNN: "AVX2"},
    "MKL: COMPATIBLE": {MKL: "COMPATIBLE"},
    "all three AVX2": AVX2,
    "portable": PORTABLE,
    "portable on an AVX2 machine": AVX2 | PORTABLE,
}
# In a process of its own, since the libraries choose their instructions when they are first used.
TRAIN = """
import hashlib, json, os, sys
from pathlib import Path
from crosscheck.core import bits
for name in bits.PORTABLE:
    del os.environ[name]
os.environ.update(json.loads(sys.argv[3]))
import torch
from crosscheck.data import dataset
from crosscheck.training import trainer
from crosscheck.core.params import load
threads, folder = int(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(threads)
params = load()
data_set = dataset.read_data_set(folder)
subset = dataset.read(folder, "train", data_set)
subset = dataset.Subset(subset.images[:100], subset.labels[:100])
none = dataset.Subset(subset.images[:0], subset.labels[:0])
recipe = params.model, params.train, params.augment
learner = trainer.build_trainer(*recipe, data_set, subset, none, torch.device("cpu"))
for _ in range(2):
    learner.run_epoch()
digest = hashlib.sha256()
for weights in learner.net.state_dict().values():
    digest.update(weights.contiguous().numpy().tobytes())
print(json.dumps({"hash": digest.hexdigest(), "instructions": torch.backends.cpu.get_cpu_capability()}))
"""


def main() -> None:
    letters: dict[str, str] = {}
    print(f"| threads | {' | '.join(SETTINGS)} |\n|{'---|' * (len(SETTINGS) + 1)}")
    for threads in THREADS:
        row = [hash_of(threads, setting) for setting in SETTINGS.values()]
        names = [letters.setdefault(digest, string.ascii_letters[len(letters)]) for digest in row]
        print(f"| {threads} | {' | '.join(names)} |", flush=True)


def hash_of(threads: int, setting: dict[str, str]) -> str:
    """SHA-256 of the weights after training with these threads and environment variables."""
    words = [sys.executable, "-c", TRAIN, str(threads), str(Path("data") / "split"), json.dumps(setting)]
    done = subprocess.run(words, env=unpinned(), capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["hash"])


if __name__ == "__main__":
    main()
