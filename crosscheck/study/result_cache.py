"""The runs of a study on the disk: each result knows what it follows from.

A result is good for as long as its key is that of the plan: a hash of the parameters, the images and the code that
decide it. So adding a variant or a seed runs only what is new, and after a kill only what is missing runs.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from crosscheck.core import bits
from crosscheck.core import code_digest as sources
from crosscheck.core import params as parameters
from crosscheck.core.errors import InputError
from crosscheck.core.params import ComputeParams, Params
from crosscheck.core.records import read_record
from crosscheck.network import backbones
from crosscheck.study import proofs, resplit, result_files
from crosscheck.study.plans import Plan, PlannedRun
from crosscheck.study.resplit import PackedImages
from crosscheck.study.results import RunTiming, StoredResult

# All that a result follows from besides parameters and images: the function that does a run and the one that chooses
# the libraries' kernels, with what they refer to. They are named, not imported: the first takes seconds to load.
CODE = ["crosscheck.study.single_run.execute", "crosscheck.core.bits.pin"]
AGAIN = "remove the file and run the study again"


def run_key(params: Params, data_digest: str, code_digest: str) -> str:
    """A hash of all that decides a run's result: of a native one, the machine too."""
    sections = {
        "data": params.data.model_dump(exclude={"images"}),
        "model": params.model.model_dump(),
        "train": params.train.model_dump(exclude={"images_per_class", "snapshots"}),
        "augment": params.augment.model_dump(),
        "compute": params.compute.model_dump(),
    }
    decisive = {**parameters.decisive_sections(sections), "bits": _bits_of(params.compute)}
    if backbones.is_used(params.model):
        # Seconds to load, and needed for a backbone alone.
        from crosscheck.network import pretrained

        source = pretrained.find_source(params.model)
        decisive["backbone"] = source.model_dump() if source else {}
    content = json.dumps([decisive, data_digest, code_digest], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _bits_of(compute: ComputeParams) -> dict[str, str]:
    mode = bits.find_mode(compute.portable, compute.device)
    machine: dict[str, str] = {}
    if mode == "native":
        # It takes seconds to load, and the names of libraries and processor are enough for portable results.
        from crosscheck.core import devices

        machine = {name: value for name, value in devices.fingerprint().items() if name != "threads"}
    return machine | bits.described(mode)


def plan_keys(plan: Plan, packed: PackedImages) -> list[list[str]]:
    """The key of each run of the plan, over these images and with the current code.

    After it stand, for a portable result, those of other code that was proven to be equal.
    """
    code = sources.digest(CODE)
    equal = proofs.equal_to(code)
    digests: dict[str, str] = {}
    keys = []
    for planned in plan.runs:
        split, count = planned.params.split, planned.params.train.images_per_class
        subsets = f"{split} {count}"
        if subsets not in digests:
            digests[subsets] = resplit.digest(resplit.split_again(packed, split, count), packed.data_set)
        compute = planned.params.compute
        codes = equal if bits.find_mode(compute.portable, compute.device) == "portable" else [code]
        keys.append([run_key(planned.params, digests[subsets], each) for each in codes])
    return keys


def find(folder: Path, runs: Sequence[PlannedRun], keys: Sequence[list[str]]) -> list[StoredResult | None]:
    """The result of each run that is good by its keys, or None where `folder` has none.

    Raises InputError for a damaged file, and for two different results of one key.
    """
    stored = {name: result_files.read_variant(folder, name) for name in {planned.variant for planned in runs}}
    found: list[StoredResult | None] = []
    for planned, own in zip(runs, keys, strict=True):
        good = [stored[planned.variant].get((planned.seed, key)) for key in own]
        found.append(next((each for each in good if each is not None), None))
    return found


def collect(plan: Plan, packed: PackedImages, folder: Path) -> dict[str, list[StoredResult]]:
    """The results of every variant, by seed. Raises InputError where one of the plan is missing in `folder`."""
    found: dict[str, list[StoredResult]] = {name: [] for name in plan.study.variants}
    missing: list[PlannedRun] = []
    for planned, stored in zip(plan.runs, find(folder, plan.runs, plan_keys(plan, packed)), strict=True):
        if stored is None:
            missing.append(planned)
        else:
            found[planned.variant].append(stored)
    if missing:
        more = f" and of {len(missing) - 1} more runs" if len(missing) > 1 else ""
        raise InputError(
            f"{folder}: no valid result of {missing[0].variant} seed {missing[0].seed}{more}: parameters, images, "
            "code or releases have changed, or it is native and of another machine; run the study again"
        )
    return found


def timing_file(folder: Path, planned: PlannedRun) -> Path:
    """Where it stands in `folder` what the run took."""
    return folder / planned.variant / f"{planned.seed:03d}.json"


def read_timing(file: Path) -> RunTiming | None:
    """What the run took, or None where it did not run on this machine. Raises InputError for a damaged file."""
    return read_record(RunTiming, file, AGAIN) if file.exists() else None
