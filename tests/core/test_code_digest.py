"""The hash of the code that decides a result."""

import ast
import re
import shutil
from pathlib import Path

import pytest
from helpers.repository import ROOT

from crosscheck.core import code_digest
from crosscheck.core.errors import InputError
from crosscheck.study import result_cache
from crosscheck.training import resume

OPTIMIZER, SCHEDULER = "        self.optimizer.step()\n", "        self.scheduler.step()\n"
ENTRY = result_cache.CODE
# What decides a run of a study, by module: written out, so that it cannot shrink unseen.
DECISIVE = {
    "network.shapes": {
        "KERNEL",
        "ORIGINAL_HIDDEN",
        "_after_block",
        "all_channels",
        "find_head",
        "hidden_widths",
        "map_size",
    },
    "core.bits": {
        "DECISIVE",
        "FIXED",
        "NEEDED",
        "PORTABLE",
        "RELEASES",
        "SAID",
        "_cpu_line",
        "_too_late",
        "cpu_name",
        "find_mode",
        "missing_here",
        "obstacle",
        "pin",
        "settle",
        "too_late",
        "warn",
    },
    "evaluation.complexity": {"Cost", "count_complexity"},
    "training.curves": {"Epoch", "best_epoch", "kept", "kept_epoch"},
    "training.class_weights": {"ClassWeights", "UNWEIGHTED", "weigh_classes"},
    "core.combinations": {"refuse_without_validation"},
    "training.fused_linear": {
        "BLOCK_BYTES",
        "BLOCK_ROWS",
        "Dense",
        "LARGE_BYTES",
        "VECTOR_BYTES",
        "_Dense",
        "_by_weights",
        "_descend",
        "_descend_by_openblas",
        "_is_for_mkl",
        "_openblas",
        "product",
    },
    "study.diagnostics": {"IMAGES", "Vitals", "_counter", "take"},
    "study.corruptions": {
        "GRID",
        "UNTOUCHED",
        "_BY_KIND",
        "_affine",
        "_inversion",
        "_noise",
        "_rotation",
        "_scale",
        "_shift",
        "_stroke",
        "distort",
    },
    "study.single_run": {
        "TEST_BATCH",
        "accuracy_on",
        "columns",
        "examine",
        "execute",
        "fit",
        "peak_bytes",
        "withstand",
    },
    "study.results": {
        "Answers",
        "Curve",
        "DistortionCurve",
        "Images",
        "NetworkCost",
        "RunResult",
        "RunTiming",
        "VitalsCurve",
    },
    "training.feed": {"Feed", "LARGEST_SHARE", "_fits", "copy_to"},
    "training.fast_network": {"_dense", "_first_block", "faster", "has_operators"},
    "data.guessing": {"Guess"},
    "core.devices": {
        "KEPT_BYTES",
        "LARGE_NETWORK",
        "PORTABLE_INSTRUCTIONS",
        "fingerprint",
        "keep_freed_memory",
        "mkl_is_held_back",
        "mkl_is_quick",
        "prepare",
    },
    "network.inference": {"batch", "compute_logits"},
    "network.model": {"Average", "Scale", "_block", "_linear", "build", "parameter_count"},
    "training.augmentation": {
        "Augmentation",
        "Changes",
        "DRAWS",
        "FLATTEST",
        "LARGEST",
        "PLACES",
        "Places",
        "SHARES",
        "SMALLEST",
        "TALLEST",
        "_brighten",
        "_contrast",
        "_either_way",
        "_erase",
        "_flip",
        "_move",
        "_of_each",
        "_places",
        "_round",
        "_stretches",
        "build_augmentation",
    },
    "training.optimizers": {"WRAPPED", "_plain", "build_optimizer"},
    "training.fused_conv_pool": {
        "PIECE_BYTES",
        "POOL",
        "PooledConvolution",
        "WINDOW",
        "_PooledConvolution",
        "_at_four_places",
        "_from_four_places",
        "_in_two",
        "_pieces",
        "_windows",
    },
    "training.validation": {"_mean_loss_and_right", "score"},
    "training.trainer": {"DivergedError", "Trainer", "_scheduler", "build_trainer", "new_network"},
    "network.backbones": {"MissingExtraError", "is_used"},
    "network.pretrained": {
        "BackboneSource",
        "ENDING",
        "PACKAGES",
        "Package",
        "UNUSED",
        "_check",
        "_parse",
        "_read",
        "_read_package",
        "_without_classifier",
        "find_source",
        "load_weights",
        "read_weights",
    },
    "network.timm_networks": {
        "Maps",
        "UNFIT",
        "_blueprint",
        "_check_name",
        "_config",
        "_known_names",
        "_load_timm",
        "build",
        "classifiers",
        "expected_tensors",
        "measure",
        "normalisation",
        "release",
    },
    "training.feature_cache": {
        "DIGEST_BYTES",
        "FOLDER",
        "MOST_BYTES",
        "OWN_NAME",
        "_lock",
        "_read",
        "_remove",
        "_remove_oldest",
        "_write",
        "fetch",
    },
    "training.frozen": {
        "CODE",
        "FIRST_TRAINED",
        "HASHED_AT_ONCE",
        "Lesson",
        "SEEN_AT_ONCE",
        "_hash_pixels",
        "_known_or_computed",
        "compute_features",
        "features_key",
        "prepare_lesson",
    },
}
# What decides how a training goes on from a saved state, and is not in the list above.
DECISIVE_FOR_A_STATE = {
    "training.distributed": {"ALONE", "Group", "mean_of_each"},
    "data.dataset": {
        "DataSet",
        "Subset",
        "_load",
        "expect_random_order",
        "first_of_each_class",
        "read",
        "read_to_train",
    },
    "network.checkpoint": {"CHECKPOINT_FORMAT", "Checkpoint", "_dense", "_write", "save_checkpoint"},
    "training.snapshots": {"Album", "INDEX", "Index", "LARGEST", "choose_epochs", "file_name"},
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the project's modules."""
    return shutil.copytree(ROOT / "crosscheck", tmp_path / "crosscheck", ignore=shutil.ignore_patterns("__pycache__"))


def digest(code: Path) -> str:
    return code_digest.digest(ENTRY, root=code.parent)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def rename(code: Path, old: str, new: str) -> None:
    """Rename a definition wherever it is named."""
    for file in code.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"\b{old}\b", new, text), encoding="utf-8")


def move(code: Path, old: str, new: str) -> None:
    """Move the module `old` to the dotted name `new`, and correct what imports it."""
    package, _, name = new.rpartition(".")
    old_package, _, old_name = old.rpartition(".")
    for file in code.parent.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        nodes = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.ImportFrom)]
        for node in sorted(nodes, key=lambda node: -node.lineno):
            kept = [ast.unparse(each) for each in node.names if each.name != old_name]
            indent = " " * node.col_offset
            fresh = []
            if node.module == old:
                fresh = [f"{indent}from {new} import {', '.join(map(ast.unparse, node.names))}"]
            elif node.module == old_package and len(kept) < len(node.names):
                fresh = [f"{indent}from {package} import {name} as {old_name}"]
                fresh += [f"{indent}from {old_package} import {', '.join(kept)}"] if kept else []
            if fresh:
                lines[node.lineno - 1 : node.end_lineno] = fresh
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = code.parent.joinpath(*new.split(".")).with_suffix(".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in [target.parent, *target.parent.parents]:
        if folder == code.parent:
            break
        (folder / "__init__.py").touch()
    code.parent.joinpath(*old.split(".")).with_suffix(".py").rename(target)


def write(root: Path, **modules: str) -> Path:
    """A made-up package `made`, each module with its text."""
    (root / "made").mkdir(exist_ok=True)
    (root / "made" / "__init__.py").touch()
    for name, text in modules.items():
        (root / "made" / f"{name}.py").write_text(text, encoding="utf-8")
    return root


def made(root: Path, text: str, **others: str) -> str:
    """The hash of the function `main` of a made-up module."""
    return code_digest.digest(["made.one.main"], root=write(root, one=text, **others))


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


# What does not count.


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
