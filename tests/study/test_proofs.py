"""Code that is written otherwise keeps a study's results only where tiny runs of every kind prove it equal."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.preloaded import preloaded_python
from helpers.project import Project
from helpers.repository import ROOT
from helpers.study import command, lines_of

from crosscheck.commands import prove_equal
from crosscheck.core import bits, code_digest, params
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.study import corruptions, proofs, result_cache, tiny_runs

Mutation = tuple[str, str, str, set[str]]
# What is changed in each kind of run: the file, the text, what takes its place, and the runs that this concerns.
MUTATIONS: list[Mutation] = [
    ("network/model.py", "nn.AvgPool2d(2)", "nn.MaxPool2d(2)", {"average pooling"}),
    ("network/model.py", "nn.BatchNorm2d(outputs)", "nn.BatchNorm2d(outputs, eps=1e-3)", {"batch norm"}),
    ("network/model.py", "maps.mean((2, 3))", "maps.amax((2, 3))", {"averaging head", "convolutional head"}),
    ("network/model.py", "bias=not norm)", 'bias=not norm and pool != "stride")', {"strides"}),
    (
        "network/model.py",
        'nn.ReLU(inplace=pool == "max")',
        'nn.Hardtanh() if pool == "none" else nn.ReLU(inplace=pool == "max")',
        {"no pooling", "large layers"},
    ),
    ("network/shapes.py", "[1200, 64]", "[1200, 63]", {"widths by depth"}),
    (
        "training/optimizers.py",
        "(AdamW)(net.parameters(), lr=",
        "(AdamW)(net.parameters(), lr=1.01 * ",
        {"adamw", "overfitting"},
    ),
    ("training/optimizers.py", "momentum=params.momentum", "momentum=params.momentum / 2", {"momentum"}),
    ("training/trainer.py", "T_max=total", "T_max=total + 1", {"cosine"}),
    ("training/trainer.py", "total_steps=total + 1", "total_steps=total + 2", {"one cycle"}),
    ("training/trainer.py", "cross_entropy(logits.float(), labels,", "cross_entropy(logits, labels,", {"bfloat16"}),
    ("study/single_run.py", "diverged=diverged,", "diverged=False,", {"diverging"}),
    (
        "training/augmentation.py",
        "math.radians(wanted.degrees * turn)",
        "math.radians(-wanted.degrees * turn)",
        {"augmentation", "augmentation of colours"},
    ),
    ("training/curves.py", "min(known)[1]", "max(known)[1]", {"best epoch", "patience"}),
    ("training/class_weights.py", "np.maximum(counts, 1.0)", "np.maximum(counts, 1.0) ** 2", {"rare class"}),
]
DISTORTIONS: list[Mutation] = [
    ("study/corruptions.py", "moves = 2 * level", "moves = 2.02 * level", {"distortion, shift"}),
    (
        "study/corruptions.py",
        "np.zeros(len(images)), level,",
        "np.zeros(len(images)), level + 0.01,",
        {"distortion, scale"},
    ),
    ("study/corruptions.py", "np.radians(level * sides)", "np.radians(-level * sides)", {"distortion, rotation"}),
    ("study/corruptions.py", "2 * round(abs(level)) + 1", "2 * round(abs(level)) + 3", {"distortion, stroke"}),
    ("study/corruptions.py", "chance < level / 2", "chance < level / 3", {"distortion, noise"}),
    ("study/corruptions.py", "255 - images", "254 - images", {"distortion, inversion"}),
]
# These concern many runs, or a value of the result that one run is enough to show.
SHARED = [
    ("training/fused_linear.py", "-rate, left, right", "-rate / 2, left, right", "large layers"),
    ("training/fused_linear.py", "slope.sum(0)", "slope.mean(0)", "momentum"),
    ("training/fused_conv_pool.py", "torch.sub(whole", "torch.add(whole", "max pooling"),
    ("evaluation/complexity.py", "// 2", "// 3", "max pooling"),
    (
        "study/single_run.py",
        "accuracy_on(trainer.fast_net, train)",
        "accuracy_on(trainer.fast_net, subsets.val)",
        "overfitting",
    ),
    ("study/diagnostics.py", "correction=0", "correction=1", "max pooling"),
    (
        "study/single_run.py",
        "cross_entropy(logits.double(), labels)",
        "cross_entropy(logits.double() * 2, labels)",
        "colours",
    ),
    (
        "training/trainer.py",
        "torch.randperm(len(self.train), generator=self.order)",
        "torch.arange(len(self.train))",
        "strides",
    ),
    ("training/augmentation.py", "299, 587, 114", "587, 299, 114", "augmentation of colours"),
    ("training/augmentation.py", "np.floor(place", "np.ceil(place", "augmentation"),
]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the project's modules."""
    return shutil.copytree(ROOT / "crosscheck", tmp_path / "crosscheck", ignore=shutil.ignore_patterns("__pycache__"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, (file.name, old)
    file.write_text(text.replace(old, new), encoding="utf-8")


def results_of(code: Path, *names: str) -> dict[str, str]:
    """The hashes of tiny runs by the code in a folder of its own."""
    script = "import json, sys\nfrom crosscheck.study import tiny_runs\n"
    script += "print(json.dumps({name: tiny_runs.run(name) for name in sys.argv[1:]}))"
    words = [preloaded_python(), "-c", script, *names]
    done = subprocess.run(words, cwd=code.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_there_is_a_tiny_cell_of_every_kind() -> None:
    chosen: dict[str, set[Any]] = {}
    for model, train in tiny_runs.RUNS.values():
        for name, value in {**tiny_runs.MODEL, **tiny_runs.TRAIN, **model, **train}.items():
            chosen.setdefault(name, set()).add(str(value))
    for name, kind in {"norm": params.Norm, "pool": params.Pool, "head": params.Head}.items():
        assert chosen[name] == set(kind.__args__)
    for name, kind in {"optimizer": params.Optimizer, "schedule": params.Schedule}.items():
        assert chosen[name] == set(kind.__args__)
    assert chosen["precision"] == {"float32", "bfloat16"}
    assert (chosen["keep"], chosen["class_weights"], chosen["patience"]) == ({"best"}, {"balanced"}, {"2"})
    assert chosen["invert"] == chosen["centre"] == {"True", "False"}
    assert {f"distortion, {kind}" for kind in corruptions.GRID} <= set(tiny_runs.names())


@pytest.mark.slow
@pytest.mark.parametrize("mutations", [MUTATIONS, DISTORTIONS], ids=["runs", "distortions"])
def test_a_changed_operation_in_each_kind_of_cell_is_refused(code: Path, mutations: list[Mutation]) -> None:
    known = proofs.read().results
    before = code_digest.digest(result_cache.CODE, root=code.parent)
    for module, old, new, _ in mutations:
        change(code / module, old, new)
    assert code_digest.digest(result_cache.CODE, root=code.parent) != before
    # A distortion also moves some accuracies in the results of runs.
    names = [name for name in tiny_runs.names() if name.startswith("distortion") == (mutations is DISTORTIONS)]
    found = results_of(code, *names)
    assert {name for name in names if found[name] != known[name]} == set().union(*(each[-1] for each in mutations))


@pytest.mark.slow
@pytest.mark.parametrize(("module", "old", "new", "cell"), SHARED)
def test_a_changed_operation_of_many_runs_is_refused(code: Path, module: str, old: str, new: str, cell: str) -> None:
    change(code / module, old, new)
    assert results_of(code, cell)[cell] != proofs.read().results[cell]


@pytest.mark.slow
def test_the_command_refuses_changed_code_and_leaves_the_list_as_it_is(code: Path) -> None:
    before = (code / "study" / "proofs.json").read_bytes()
    change(code / "network/model.py", "sign / 255", "sign / 256")
    words = [preloaded_python(), "-m", "crosscheck", "prove_equal"]
    done = subprocess.run(words, cwd=code.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the tiny run 'max pooling' gives another result than before, so this code is not equal; if that is "
        "meant, run `python -m crosscheck prove_equal --begin`, and run the study again"
    ]
    assert (code / "study" / "proofs.json").read_bytes() == before


@pytest.mark.slow
def test_results_of_code_that_is_proven_equal_are_kept_and_of_other_code_run_again(
    copied: Project,
) -> None:
    before = lines_of(copied)
    change(copied.folder / "crosscheck" / "study" / "single_run.py", "TEST_BATCH = 64", "TEST_BATCH = 8 * 8")
    unproven = copied.run(*command("compare"), check=False)
    assert "run the study again" in unproven.stderr
    done = copied.command("prove_equal")
    assert done.stdout == f"equal: {len(tiny_runs.names())} tiny results are the same; commit proofs.json\n"
    assert "4 runs, 4 of them cached" in copied.run(*command("run")).stdout
    assert lines_of(copied) == before
    copied.run(*command("compare"))
    change(copied.folder / "crosscheck" / "study" / "single_run.py", "TEST_BATCH = 8 * 8", "TEST_BATCH = 16 * 4")
    assert "4 runs, 0 of them cached" in copied.run(*command("run")).stdout


# Without running anything.


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> proofs.Proof:
    """A list of its own, in which the code at hand is the newer of two."""
    shutil.copy(proofs.FILE, tmp_path / "proofs.json")
    monkeypatch.setattr(proofs, "FILE", tmp_path / "proofs.json")
    proof = proofs.read().model_copy(update={"code": ["older", "newer"]})
    proofs.write(proof)
    return proof


def test_equal_code_is_that_of_the_same_list_and_an_unknown_one_equals_itself_alone(listed: proofs.Proof) -> None:
    assert proofs.equal_to("newer") == ["newer", "older"]
    assert proofs.equal_to("older") == ["older", "newer"]
    assert proofs.equal_to("unknown") == ["unknown"]


@pytest.fixture
def two_runs(listed: proofs.Proof, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Tiny runs `a` and `b` that take no time, with the results that a test puts here."""
    results = {"a": "1", "b": "2"}
    monkeypatch.setattr(tiny_runs, "names", lambda: list(results))
    monkeypatch.setattr(tiny_runs, "run", results.__getitem__)
    monkeypatch.setattr(code_digest, "digest", lambda entries: "newest")
    monkeypatch.setattr(bits, "described", lambda mode: listed.releases)
    proofs.write(listed.model_copy(update={"results": {"a": "1"}}))
    return results


def test_a_new_tiny_run_is_added_and_the_old_results_stay_good(
    two_runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    prove_equal.main()
    assert capsys.readouterr().out == (
        "equal: 1 tiny results are the same, and 1 new ones are on the list; commit proofs.json\n"
    )
    assert (proofs.read().results, proofs.read().code) == (two_runs, ["older", "newer", "newest"])
    prove_equal.main()
    assert capsys.readouterr().out == "known: this code is on the list of equal ones\n"


@pytest.mark.parametrize(("name", "said"), [("a", "gives another result than before"), ("", "'a', which is gone")])
def test_a_tiny_run_that_changed_or_is_gone_proves_nothing(two_runs: dict[str, str], name: str, said: str) -> None:
    if name:
        two_runs[name] = "other"
    else:
        del two_runs["a"]
    before = proofs.read()
    with pytest.raises(InputError, match=said):
        prove_equal.main()
    assert proofs.read() == before


def keys_with(portable: bool, shipped: Params, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    compute = shipped.compute.model_copy(update={"portable": portable})
    cell = result_cache.PlannedRun("base", 0, shipped.model_copy(update={"compute": compute}))
    monkeypatch.setattr(code_digest, "digest", lambda entries: "newer")
    monkeypatch.setattr(result_cache.resplit, "split_again", lambda *_: None)
    monkeypatch.setattr(result_cache.resplit, "digest", lambda *_: "images")
    plan = result_cache.Plan(Path("s.yaml"), Path("s.yaml"), None, [cell], shipped)  # type: ignore[arg-type]
    return result_cache.plan_keys(plan, tiny_runs.draw_images(1))


def test_a_proof_vouches_for_portable_results_only(
    listed: proofs.Proof, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    (portable,), (native,) = (keys_with(each, params, monkeypatch) for each in (True, False))
    assert len(portable) == 2
    assert len(native) == 1


def test_results_of_other_releases_prove_nothing(listed: proofs.Proof) -> None:
    with pytest.raises(InputError, match=r"is of torch 0\.0, and here is "):
        prove_equal.check_releases(listed.releases | {"torch": "0.0"}, listed.releases)


def test_a_list_is_not_begun_anew_with_the_same_results(listed: proofs.Proof) -> None:
    with pytest.raises(InputError, match="without --begin"):
        prove_equal.begin_anew(listed, listed.model_copy(update={"code": ["newest"]}))
    assert proofs.read() == listed
    fresh = listed.model_copy(update={"results": {**listed.results, "max pooling": "another"}, "code": ["newest"]})
    prove_equal.begin_anew(listed, fresh)
    assert proofs.read() == fresh


def test_a_damaged_list_is_one_line(listed: proofs.Proof) -> None:
    proofs.FILE.write_text('{"code": []}', encoding="utf-8")
    with pytest.raises(InputError, match=r"releases is missing; restore it with `git checkout proofs\.json`"):
        proofs.read()
