"""Pictures depend on no setting of the user's, and say which letters they cannot show."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers.repository import ROOT, modules
from matplotlib import font_manager
from PIL import Image

from crosscheck.core.files import sha256
from crosscheck.reporting import fonts, style

SETTINGS = """
backend: module://a_backend_that_is_nowhere
axes.grid: True
axes.facecolor: red
axes.prop_cycle: cycler('color', ['k', 'r'])
axes.formatter.use_locale: True
font.size: 20
font.family: serif
image.cmap: jet
image.interpolation: bilinear
image.lut: 8
lines.linewidth: 5
path.sketch: 3, 100, 2
savefig.bbox: tight
savefig.dpi: 300
savefig.format: pdf
savefig.transparent: True
text.usetex: True
xtick.direction: in
"""
# Captum loads pyplot, which loads the backend.
DRAW = """
import sys
from pathlib import Path
import numpy as np
from crosscheck.evaluation import calibration
from crosscheck.explain import attributions
from crosscheck.reporting import charts, image_grids, style
from crosscheck.training.curves import Epoch
from crosscheck.data.guessing import Guess
folder = Path(sys.argv[1])
history = [Epoch(epoch, 0.7 / epoch, 0.5, 0.7, 0.5) for epoch in (1, 2, 3)]
style.save(charts.draw_training_curves(history, Guess((10, 10)), (20, 10)), folder / "curves.png", 60)
matrix = charts.draw_confusion_matrix(np.array([[1500, 2], [3, 1]]), ["a$b$", "ü"])
style.save(matrix, folder / "confusion.png", 60)
odds = np.linspace(0.1, 0.9, 20)
bins = calibration.bin_confidence(np.stack([odds, 1 - odds], 1), np.arange(20) % 2, 5)
style.save(charts.draw_reliability(bins, 2), folder / "calibration.png", 60)
kernels = image_grids.draw_kernels(np.linspace(-1, 1, 54).reshape(3, 2, 3, 3), "block1")
style.save(kernels, folder / "kernels.png", 60)
"""
PICTURES = ("calibration.png", "confusion.png", "curves.png", "kernels.png")


def draw(folder: Path, **env: str) -> dict[str, str]:
    """The hash of each picture, drawn by a process that starts in `folder` with nothing else set than `env`."""
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(folder)],
        cwd=folder,
        env=bare | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return {name: sha256(folder / name) for name in PICTURES}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return draw(tmp_path_factory.mktemp("pictures"))


def put(folder: Path, name: str, content: str = SETTINGS) -> str:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return str(file)


MACHINES: dict[str, Callable[[Path], dict[str, str]]] = {
    "a notebook's backend": lambda _: {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "no backend at all": lambda _: {"MPLBACKEND": "none-such"},
    "a matplotlibrc in the working directory": lambda at: {"UNUSED": put(at, "matplotlibrc")},
    "MATPLOTLIBRC": lambda at: {"MATPLOTLIBRC": put(at, "elsewhere/my.rc")},
    "MPLCONFIGDIR": lambda at: {"MPLCONFIGDIR": str(Path(put(at, "mine/matplotlibrc")).parent)},
    "a matplotlibrc in the home folder": lambda at: {"UNUSED": put(at, "home/.config/matplotlib/matplotlibrc")},
    "a MPLCONFIGDIR that is no folder": lambda at: {"MPLCONFIGDIR": put(at, "file")},
    "another locale and clock": lambda _: {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"},
    "a screen": lambda _: {"DISPLAY": ":99", "MPLBACKEND": "TkAgg"},
}


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_pictures_have_the_same_bytes_whatever_the_user_has_set(
    machine: str, expected: dict[str, str], tmp_path: Path
) -> None:
    assert draw(tmp_path, **MACHINES[machine](tmp_path)) == expected


def test_a_small_picture_has_a_palette_fewer_bytes_and_looks_the_same(tmp_path: Path) -> None:
    figure = style.new_figure((6, 4))
    axes = figure.subplots()
    for number, colour in enumerate(style.CLASS_COLORS):
        values = np.cumsum(np.random.default_rng(number).normal(size=200))
        axes.plot(values, color=colour, label=f"variant {number}")
        axes.fill_between(range(200), values - 1, values + 1, color=colour, alpha=0.1)
    axes.legend()
    style.save(figure, tmp_path / "whole.png")
    style.save(figure, tmp_path / "small.png", small=True)
    whole, small = (Image.open(tmp_path / f"{name}.png") for name in ("whole", "small"))
    assert (small.mode, small.size) == ("P", whole.size)
    assert (tmp_path / "small.png").stat().st_size < 0.6 * (tmp_path / "whole.png").stat().st_size
    apart = np.abs(np.asarray(whole.convert("RGB"), dtype=int) - np.asarray(small.convert("RGB")))
    assert apart.mean() < 1
    assert np.quantile(apart, 0.999) <= 40


def test_every_figure_begins_where_the_users_settings_are_undone() -> None:
    for file in modules(also=("concepts", "benchmarks")):
        if file.name == "reference.py":
            # The original script, which is run as it was.
            continue
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and file.name != "style.py":
                assert not ast.unparse(node.func).endswith("Figure"), f"{file}: use style.new_figure"
        assert "pyplot" not in text, file
        assert not re.search(r"cmap=(?!style\.colormap\(|colormap\(|scale\.cmap)", text), file


def test_matplotlibs_own_font_is_taken_even_where_the_machine_has_another_of_that_name() -> None:
    found = Path(font_manager.findfont(fonts.OWN))
    assert found.samefile(Path(matplotlib.get_data_path()) / fonts.OWN_FILE)
    assert fonts.families("circles crosses ü é ∞ − é قطة") == [fonts.OWN]


@pytest.fixture
def no_other_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fonts._helpers.cache_clear()
    monkeypatch.setattr(fonts, "_installed", dict)
    yield
    fonts._helpers.cache_clear()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["猫", "dog"], "猫 in '猫'"),
        (["cat", "dog 🐕"], "🐕 in 'dog 🐕'"),
        (["猫", "犬", "鳥", "魚", "cat"], "猫 in '猫', 犬 in '犬', 鳥 in '鳥' and in 1 more names"),
        (["很" + "长" * 300, "cat"], "很长 in '很长长长长长长长长长长长长长长长长长长长…'"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_letter_that_no_font_has_is_one_line_of_warning(
    names: list[str], told: str, no_other_font: None, capsys: pytest.CaptureFixture[str]
) -> None:
    fonts.tell(names)
    assert capsys.readouterr().err == (
        f"warning: pictures show boxes for {told}: no font here has these letters; install one, such as Noto Sans CJK "
        "or Noto Emoji (docs/reference/outputs.md), or rename the class\n"
    )


@pytest.mark.parametrize("name", ["circles", "a$b_c$", "قطة", "ü", "long " * 60, "tab\tnew\nline", "bytes \udcff"])
def test_a_name_whose_letters_are_all_there_is_no_line(
    name: str, no_other_font: None, capsys: pytest.CaptureFixture[str]
) -> None:
    fonts.tell([name])
    assert capsys.readouterr().err == ""


def picture(text: str, file: Path) -> str:
    figure = style.new_figure((2, 1))
    figure.suptitle(text)
    style.save(figure, file)
    return sha256(file)


def test_a_font_of_the_machine_draws_only_what_matplotlibs_own_lacks_and_this_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # It comes with matplotlib, and has letters that DejaVu Sans lacks.
    stand_in, letter = "DejaVu Serif", "\ua72c"
    texts = (letter, "circles")
    seen = []
    for others in ((), (stand_in,)):
        monkeypatch.setattr(fonts, "OTHERS", others)
        fonts._installed.cache_clear()
        fonts._helpers.cache_clear()
        seen.append([picture(text, tmp_path / "picture.png") for text in texts])
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] == seen[1][1]
    fonts.tell([letter, "猫"])
    fonts._installed.cache_clear()
    fonts._helpers.cache_clear()
    warning, note = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: pictures show boxes for 猫 in '猫': ")
    assert note == (
        f"note: {stand_in} of this machine draws {letter} in {letter!r} in pictures; where another font is installed, "
        "they have other bytes"
    )


def test_the_stage_that_draws_says_once_what_it_cannot_show(
    toy_images: Path, split_images: Callable[..., Path], no_other_font: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy_images / "bars").rename(toy_images / "猫")
    (toy_images / "discs").rename(toy_images / "🐕 $dog$")
    split_images(toy_images)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "boxes" in line]
    assert "🐕 in '🐕 $dog$', 猫 in '猫'" in line or "猫 in '猫', 🐕 in '🐕 $dog$'" in line
