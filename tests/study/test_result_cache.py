"""The keys of a study's results and of a saved training: what makes one good no longer, and what does not."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.repository import ROOT, packages

from crosscheck.core import bits, code_digest, devices
from crosscheck.core import params as parameters
from crosscheck.core.params import Params
from crosscheck.data import dataset
from crosscheck.study import executor, result_cache, single_run
from crosscheck.training import resume, snapshots, trainer


class Grown(parameters.TrainParams):
    """The parameters of training after a release that has learnt to switch something on."""

    extra: float = 0.0


def grown(params: Params, extra: float) -> Params:
    return params.model_copy(update={"train": Grown(**params.train.model_dump(), extra=extra)})


def key_of(params: Params) -> str:
    return result_cache.run_key(params, "images", "code")


def described(params: Params, mode: str) -> dict[str, Any]:
    sections = {"model": params.model.model_dump(), "train": params.train.model_dump(), "data": {}}
    return {"parameter_count": 7, **sections, "bits": {"mode": mode}}


def state_key(params: Params, machine: str = "a CPU", mode: str = "portable") -> str:
    return resume.training_key(described(params, mode), {"cpu": machine}, [ROOT / "params.yaml"])


@pytest.mark.parametrize("key", [key_of, state_key], ids=["result", "saved training"])
def test_a_new_parameter_that_is_off_expires_nothing(
    key: Callable[[Params], str], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(params)
    monkeypatch.setitem(parameters.SECTIONS, "train", Grown)
    assert key(grown(params, 0.0)) == before
    assert key(grown(params, 0.5)) != before


@pytest.mark.parametrize("key", [key_of, state_key], ids=["result", "saved training"])
def test_every_other_parameter_that_decides_a_result_counts(key: Callable[[Params], str], params: Params) -> None:
    before = key(params)
    for section, change in [("train", {"lr": 0.5}), ("train", {"seed": 3}), ("model", {"norm": "batch"})]:
        other = getattr(params, section).model_copy(update=change)
        assert key(params.model_copy(update={section: other})) != before


def test_what_does_not_decide_a_run_is_not_in_its_key(params: Params) -> None:
    train = params.train.model_copy(update={"snapshots": 3, "images_per_class": 5})
    data = params.data.model_copy(update={"images": "elsewhere"})
    assert key_of(params.model_copy(update={"train": train, "data": data})) == key_of(params)


def test_images_and_code_are_in_the_key_of_a_run(params: Params) -> None:
    before = key_of(params)
    assert (
        len({before, result_cache.run_key(params, "others", "code"), result_cache.run_key(params, "images", "another")})
        == 3
    )


def test_a_module_that_is_loaded_by_chance_does_not_change_the_key_of_a_saved_training(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = state_key(params)
    other = type(sys)("crosscheck.by_chance")
    other.__file__ = str(tmp_path / "by_chance.py")
    (tmp_path / "by_chance.py").write_text("CHANGED = 1\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, other.__name__, other)
    assert state_key(params) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("crosscheck/training/trainer", "loss_sum / weight_sum, 6", "loss_sum / weight_sum, 5"),
        ("crosscheck/training/distributed", "len(batch)", "len(batch) - 1"),
        ("crosscheck/data/dataset", "[:count]", "[-count:]"),
        ("crosscheck/data/dataset", "if images_per_class != ", "if images_per_class == "),
        ("crosscheck/core/devices", "torch.set_num_threads(params.threads)", "torch.set_num_threads(1)"),
        ("crosscheck/network/checkpoint", "crosscheck-checkpoint-1", "crosscheck-checkpoint-2"),
    ],
)
def test_the_code_that_trains_is_in_the_key_of_a_saved_training(
    module: str, old: str, new: str, params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = state_key(params)
    for name in packages():
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "__file__", str(tmp_path / "crosscheck" / "core" / "code_digest.py"))
    assert state_key(params) == before
    text = (tmp_path / f"{module}.py").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{module}.py").write_text(text.replace(old, new), encoding="utf-8")
    assert state_key(params) != before


def test_a_machine_is_in_the_key_of_native_results_and_trainings_only(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = params.model_copy(update={"compute": params.compute.model_copy(update={"portable": False})})
    before, before_native = key_of(params), key_of(native)
    assert state_key(params) == state_key(params, "another CPU")
    assert state_key(params, mode="native") != state_key(params, "another CPU", mode="native")
    fingerprint = devices.fingerprint() | {"cpu": "another CPU"}
    monkeypatch.setattr(devices, "fingerprint", lambda: fingerprint)
    assert key_of(params) == before
    assert key_of(native) != before_native


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_the_releases_of_the_libraries_are_in_the_key(
    package: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key_of(params)
    true = bits.version
    monkeypatch.setattr(bits, "version", lambda name: "9.9.9" if name == package else true(name))
    assert key_of(params) != before


# Names of code that stands in texts: nothing else would tell that they no longer fit.


def full_name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__name__}"


def test_the_functions_that_are_named_in_texts_are_those_that_run() -> None:
    assert [full_name(single_run.execute), full_name(bits.pin)] == result_cache.CODE
    begun = (dataset.read_to_train, trainer.build_trainer)
    assert [full_name(each) for each in (bits.pin, devices.prepare, *begun, snapshots.Album)] == resume.CODE


def test_what_a_study_loads_ahead_is_what_its_processes_run() -> None:
    assert single_run.__name__ in executor.PRELOAD
    missing = [name for name in executor.PRELOAD if name not in sys.modules and not _is_there(name)]
    assert missing == []


def _is_there(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
