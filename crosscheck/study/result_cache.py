"""The runs of a study on the disk: a file of results for each variant and seed, which knows what it follows from.

A result is good for as long as its key is that of the plan: a hash of the parameters, the images and the code that
decide it. So adding a variant or a seed runs only what is new, and after a kill only what is missing runs.
"""

import hashlib
import json
from pathlib import Path

from crosscheck.core import bits
from crosscheck.core import code_digest as sources
from crosscheck.core import params as parameters
from crosscheck.core.errors import InputError
from crosscheck.core.files import remove_file, write_text
from crosscheck.core.params import ComputeParams, Params
from crosscheck.core.records import read_record
from crosscheck.network import backbones
from crosscheck.study import proofs, resplit
from crosscheck.study.plans import Plan, PlannedRun
from crosscheck.study.resplit import PackedImages
from crosscheck.study.results import RunResult, RunTiming, StoredResult

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


def check(plan: Plan, packed: PackedImages, folder: Path) -> None:
    """Raise InputError where a result in `folder` is missing, or follows from other parameters, images or code."""
    for planned, keys in zip(plan.runs, plan_keys(plan, packed), strict=True):
        file = result_file(folder, planned)
        if read(file).key not in keys:
            raise InputError(
                f"{file}: of other parameters, images, code or releases than the current ones, or native and of "
                "another machine; run the study again"
            )


def result_file(folder: Path, planned: PlannedRun) -> Path:
    """Where the run's result lies in `folder`."""
    return folder / planned.variant / f"{planned.seed:03d}.json"


def write(file: Path, key: str, result: RunResult) -> None:
    """Write a result as one line of strict JSON, whole or not at all."""
    # One of other parameters or damaged makes room for it: the study's folder has its mark.
    write_text(file, json.dumps({"key": key, **result.content()}, allow_nan=False) + "\n", vouched=True)


def read(file: Path) -> StoredResult:
    """Read a result. Raises InputError where it is missing or something else."""
    return read_record(StoredResult, file, AGAIN)


def read_timing(file: Path) -> RunTiming | None:
    """What the run took, or None where it did not run on this machine. Raises InputError for a damaged file."""
    return read_record(RunTiming, file, AGAIN) if file.exists() else None


def known(file: Path) -> StoredResult | None:
    """The result in `file`, or None where there is none that can be read."""
    try:
        return read(file)
    except InputError:
        return None


def remove_strangers(folder: Path, wanted: list[PlannedRun]) -> None:
    """Remove results in `folder` that belong to no run of the plan; files that are no results stay."""
    kept = {result_file(folder, planned) for planned in wanted}
    for file in sorted(folder.glob("*/*.json")):
        if file not in kept and known(file) is not None:
            remove_file(file, vouched=True)
            if not any(file.parent.iterdir()):
                file.parent.rmdir()
