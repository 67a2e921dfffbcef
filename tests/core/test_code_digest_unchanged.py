"""What does not change the hash of the code, and what cannot be hashed."""

from pathlib import Path

import pytest
from helpers.copied_code import change, digest, made, move, rename
from helpers.decisive_code import DECISIVE

from crosscheck.core import code_digest
from crosscheck.core.errors import InputError


def test_comments_docstrings_and_blank_lines_do_not_count(code: Path) -> None:
    before = digest(code)
    training = code / "training/trainer.py"
    text = training.read_text(encoding="utf-8").replace('"""', '"""More words.\n\n', 1)
    text = text.replace('"""A network in training;', '"""More words.\n\n    A network in training;')
    assert text.count("More words") == 2
    training.write_text(text + "\n\n# A remark.\n", encoding="utf-8")
    assert digest(code) == before


def test_modules_that_no_run_uses_do_not_count(code: Path) -> None:
    before = digest(code)
    for module in (
        "study/report.py",
        "study/text.py",
        "reporting/image_grids.py",
        "tracking/run.py",
        "study/executor.py",
    ):
        (code / module).write_text("CHANGED = 1\n", encoding="utf-8")
    change(code / "core/param_types.py", "MAX_SEED = 2**32 - 1", "MAX_SEED = 2**16")
    change(
        code / "network/checkpoint.py", 'CHECKPOINT_FORMAT = "crosscheck-checkpoint-1"', 'CHECKPOINT_FORMAT = "another"'
    )
    assert digest(code) == before


def test_a_module_can_be_moved_into_a_package_of_another_name_and_depth(code: Path) -> None:
    before = digest(code)
    move(code, "crosscheck.training.trainer", "crosscheck.nets.deep.training")
    move(code, "crosscheck.network.shapes", "nets.architecture")
    move(code, "crosscheck.study.single_run", "study.execution")
    move(code, "crosscheck.study.corruptions", "crosscheck.data.distortions")
    move(code, "crosscheck.core.files", "crosscheck.files")
    move(code, "crosscheck.core.code_digest", "crosscheck.study.sources")
    entry = ["study.execution.execute", "crosscheck.core.bits.pin"]
    moved = {"crosscheck.core.files": "crosscheck.files", "crosscheck.core.code_digest": "crosscheck.study.sources"}
    carriers = {moved.get(name, name) for name in code_digest.CARRIERS}
    assert code_digest.digest(entry, carriers, code.parent) == before
    assert len(code_digest.reached(entry, carriers, code.parent)) == sum(map(len, DECISIVE.values()))
    change(code.parent / "nets" / "architecture.py", "KERNEL = 3", "KERNEL = 5")
    assert code_digest.digest(entry, carriers, code.parent) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [("examine", "look_at"), ("TEST_BATCH", "AT_ONCE"), ("_after_block", "_shrunk"), ("PooledConvolution", "Fused")],
)
def test_a_definition_can_be_renamed(code: Path, old: str, new: str) -> None:
    before = digest(code)
    rename(code, old, new)
    assert digest(code) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        # Annotations.
        ("study/single_run.py", "vitals: list[diagnostics.Vitals] = []", "vitals = []"),
        ("study/single_run.py", "-> tuple[RunResult, RunTiming]", "-> object"),
        ("training/trainer.py", "    params: TrainParams\n", "    params: object\n"),
        ("training/trainer.py", "cast(model.Scale, net.get_submodule(\"scale\"))", "net.get_submodule(\"scale\")"),
        # Imports.
        ("training/fast_network.py", "from torch import nn", "import torch.nn as nn"),
        ("evaluation/complexity.py", "from torch import Tensor, nn", "from torch import nn\nfrom torch import Tensor"),
        ("training/fused_linear.py", "from crosscheck.core import devices", "import crosscheck.core.devices as devices"),  # noqa: E501
        # The words of errors.
        ("training/trainer.py", "lower train.lr in params.yaml", "choose a lower train.lr"),
        ("network/shapes.py", "use fewer convolutions{instead}", "use {instead} fewer of {params.channels}"),
        # Another order of definitions.
        ("study/single_run.py", "TEST_BATCH = 64\n", ""),
    ],
)  # fmt: skip
def test_what_only_says_something_does_not_count(code: Path, module: str, old: str, new: str) -> None:
    before = digest(code)
    change(code / module, old, new)
    if not new:
        with (code / module).open("a", encoding="utf-8") as stream:
            stream.write(old)
    assert digest(code) == before


def test_which_error_is_raised_and_when_counts(code: Path) -> None:
    before = digest(code)
    change(code / "network/shapes.py", "if min(size) < 1:", "if min(size) < 2:")
    other = digest(code)
    change(code / "network/shapes.py", "raise InputError(", "raise ValueError(")
    assert len({before, other, digest(code)}) == 3


@pytest.mark.parametrize("line", ["from . import model", "from crosscheck.network.model import *"])
def test_an_import_that_cannot_be_followed_is_an_error(code: Path, line: str) -> None:
    change(code / "training/fast_network.py", "import torch\n", f"import torch\n\n{line}\n")
    with pytest.raises(InputError, match="name the package and what is imported"):
        digest(code)


@pytest.mark.parametrize(
    "entry", ["crosscheck.study.single_run.nothing", "stages.nowhere.execute", "torch.nn", "execute"]
)
def test_an_entry_that_is_not_there_is_an_error(entry: str) -> None:
    with pytest.raises(InputError, match="correct the name"):
        code_digest.digest([entry])


def test_a_name_that_a_module_does_not_have_is_an_error(code: Path) -> None:
    change(code / "training/fast_network.py", "import Dense", "import Denser as Dense")
    with pytest.raises(InputError, match=r"crosscheck.training.fused_linear has no 'Denser'"):
        digest(code)


# Every kind of expression whose tree or text was changed between Python 3.11 and 3.13.
SAMPLE = '''
import math

SIZES = {"a": 1, **{"b": 2.5}, "c": None, "d": (True, 1j, b"x", ...)}


def main(it, /, one=SIZES, *rest, two: int = -1, **more):
    """Words."""
    with open(it) as first, open(f"{it!r:>{one}}" "x" f'y{it=}{"z"}') as second:
        for x, *y in zip(first, second):
            match x:
                case {"k": [1, _], **others} if (n := len(others)):
                    yield lambda z: z[1:, ::2] @ math.pi
                case str() | None as text:
                    return text
    try:
        assert rest, "words"
    except (OSError, ValueError) as error:
        raise KeyError("words" + it, n) from error
    finally:
        del more
'''


def test_the_hash_of_a_text_is_the_same_with_every_python(tmp_path: Path) -> None:
    # Run by hand with 3.12.1 and 3.13.0, too.
    assert made(tmp_path, SAMPLE) == "46100354691cd75f90ba6077372e998abdd9438e26f546f17bcc76ca85719a7a"
