"""The hash of the code that decides a result."""

from pathlib import Path

import pytest
from helpers.copied_code import change, digest, made
from helpers.decisive_code import DECISIVE, DECISIVE_FOR_A_STATE
from helpers.repository import ROOT

from crosscheck.core import code_digest
from crosscheck.study import result_cache
from crosscheck.training import resume

OPTIMIZER, SCHEDULER = "        self.optimizer.step()\n", "        self.scheduler.step()\n"
# What counts.


def by_module(names: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        module, _, definition = name.removeprefix("crosscheck.").rpartition(".")
        found.setdefault(module, set()).add(definition)
    return found


def test_what_decides_a_run_is_what_is_written_here() -> None:
    assert by_module(code_digest.reached(result_cache.CODE)) == DECISIVE


def test_what_decides_how_a_saved_training_goes_on_is_what_is_written_here() -> None:
    found = code_digest.reached(resume.CODE, code_digest.PLAIN_CARRIERS)
    assert by_module(found - code_digest.reached(result_cache.CODE)) == DECISIVE_FOR_A_STATE
    assert {"training.trainer.Trainer", "training.optimizers.build_optimizer", "training.fused_linear._descend"} <= {
        name.removeprefix("crosscheck.") for name in found
    }


@pytest.mark.parametrize("name", sorted(code_digest.CARRIERS))
def test_what_is_said_to_carry_values_only_is_one_module(name: str) -> None:
    assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("study/single_run.py", "TEST_BATCH = 64", "TEST_BATCH = 128"),
        ("training/trainer.py", "self.fast_part.train()", "self.fast_part.eval()"),
        ("network/shapes.py", "KERNEL = 3", "KERNEL = 5"),
        ("network/shapes.py", "(length - KERNEL) // 2 + 1", "(length - KERNEL) // 2 - 1"),
        ("training/trainer.py", "step + 1 < self.steps", "step + 1 <= self.steps"),
        ("training/trainer.py", "group: Group = ALONE", "group: Group = None"),
        ("network/model.py", "offset = (-1.0, 1.0)", "offset = (-1.0, 0.0)"),
        ("study/corruptions.py", '"noise": [0.0, 0.01', '"noise": [0.0, 0.015'),
        ("study/corruptions.py", '"shift": _shift', '"shift": _scale'),
        ("study/diagnostics.py", "    first_gradient: float\n", "    first_gradient: float\n    third: float\n"),
        ("training/trainer.py", "@dataclass\nclass Trainer", "@dataclass(eq=False)\nclass Trainer"),
        ("training/fused_linear.py", "class Dense(nn.Module)", "class Dense(nn.Identity)"),
        ("evaluation/complexity.py", "with torch.device(\"meta\"):", "with torch.device(\"cpu\"):"),
        ("training/optimizers.py", "torch.no_grad()", "torch.enable_grad()"),
        ("core/bits.py", '"MKL_CBWR": "COMPATIBLE"', '"MKL_CBWR": "AVX2"'),
        ("core/bits.py", '"OPENBLAS_CORETYPE": "Haswell"', '"OPENBLAS_CORETYPE": "Zen"'),
        ("training/trainer.py", OPTIMIZER + SCHEDULER, SCHEDULER + OPTIMIZER),
    ],
)  # fmt: skip
def test_code_counts_also_of_modules_that_are_imported_by_others(code: Path, module: str, old: str, new: str) -> None:
    before = digest(code)
    change(code / module, old, new)
    assert digest(code) != before


@pytest.mark.parametrize(
    "line",
    [
        "torch.set_flush_denormal(True)",
        "_KEPT = torch.set_flush_denormal(True)",
        "if torch.cuda.is_available():\n    torch.manual_seed(1)",
        "TABLE['key'] = 1",
        "torch.backends.cudnn.benchmark = True",
    ],
)
def test_what_importing_a_module_does_counts(code: Path, line: str) -> None:
    before = digest(code)
    # Nothing of this module is used in a run, but it is loaded by one that is.
    (code / "training" / "further.py").write_text("import torch\n\nTABLE = {}\n", encoding="utf-8")
    change(code / "training/fast_network.py", "import torch\n", "import torch\n\nimport crosscheck.training.further\n")
    assert digest(code) == before
    with (code / "training" / "further.py").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    assert digest(code) != before


def test_a_decorator_that_the_project_defines_counts_where_nothing_else_uses_it(tmp_path: Path) -> None:
    text = "def main():\n    return 1\n\n\ndef register(it):\n    return it\n\n\n"
    assert made(tmp_path, text + "def other():\n    pass\n") != made(
        tmp_path, text + "@register\ndef other():\n    pass\n"
    )


# Names that a scope hides.


@pytest.mark.parametrize(
    "body",
    [
        "def main(x):\n    return [SIZE for x in range(3)], [SIZE for SIZE in range(3)], SIZE\n",
        "def main(x):\n    return (lambda SIZE: 1)(2) + SIZE\n",
        "class main:\n    SIZE = 1\n\n    def method(self):\n        return SIZE\n",
        "def main(x):\n    global SIZE\n    SIZE = SIZE + 1\n",
        "def main(x=SIZE):\n    SIZE = 2\n    return x\n",
        "def main(x):\n    def inner():\n        SIZE = 1\n    return SIZE\n",
        "def main(x):\n    from made import one as SIZED\n    return SIZED.SIZE\n",
        "def main(x):\n    import made.one\n    return made.one.SIZE\n",
        "def main(x):\n    import made.one as it\n    return it\n",
    ],
)
def test_a_constant_is_found_although_another_scope_has_one_of_its_name(tmp_path: Path, body: str) -> None:
    assert made(tmp_path, f"SIZE = 1\n\n\n{body}") != made(tmp_path, f"SIZE = 2\n\n\n{body}")


@pytest.mark.parametrize(
    "body", ["def main(SIZE):\n    return SIZE\n", "def main():\n    for SIZE in range(3):\n        print(SIZE)\n"]
)
def test_a_constant_that_is_hidden_does_not_count(tmp_path: Path, body: str) -> None:
    assert made(tmp_path, f"SIZE = 1\n\n\n{body}") == made(tmp_path, f"SIZE = 2\n\n\n{body}")


def test_functions_that_call_each_other_count_by_what_they_do(tmp_path: Path) -> None:
    text = "def main(n):\n    return n and other(n - 1)\n\n\ndef other(n):\n    return n and main(n - 2)\n"
    before = made(tmp_path, text)
    assert made(tmp_path, text.replace("other", "another")) == before
    assert made(tmp_path, text.replace("n - 2", "n - 3")) != before
    assert made(tmp_path, text.replace("and main", "and other")) != before
