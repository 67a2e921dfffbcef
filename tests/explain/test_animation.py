"""The training animation: what its moments are called, its GIF, its player, and what is said when it is killed."""

from pathlib import Path
from typing import Any

import pytest
from helpers.project import Project
from PIL import Image

from crosscheck.data.guessing import Guess
from crosscheck.explain import animation, text
from crosscheck.reporting import document
from crosscheck.reporting.document import Animation, Document, Paragraph, Picture
from crosscheck.training.curves import Epoch

EVEN = Guess((5, 5))


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([0.69, 0.69], "stays on the plateau of equal odds, ln 2 = 0.693, to the end"),
        ([0.4, 0.2], "There is no plateau"),
        ([0.69, 0.693, 0.5], "for 2 epochs (0.693 in epoch 2), and leaves it in epoch 3 (0.500)"),
    ],
)
def test_the_animation_names_the_moment_at_which_the_plateau_ends(losses: list[float], words: str) -> None:
    history = [Epoch(number, loss, 0.5, None, None) for number, loss in enumerate(losses, start=1)]
    assert words in text.describe_training(history, EVEN, [0, len(losses)])
    captions = [animation.caption(epoch, history, EVEN) for epoch in range(len(losses) + 1)]
    assert captions[0].startswith("before training")
    assert ("the plateau ends" in captions[-1]) == (losses[-1] == 0.5)


def test_the_gif_shows_every_frame_and_the_last_one_longer(tmp_path: Path) -> None:
    frames = []
    for number in range(3):
        frames.append(tmp_path / f"{number}.png")
        Image.new("RGB", (20, 10), (80 * number, 0, 255 - 80 * number)).save(frames[-1])
    animation.write_gif(frames, tmp_path / "training.gif")
    with Image.open(tmp_path / "training.gif") as gif:
        assert gif.n_frames == 3
        durations, colors = [], []
        for number in range(3):
            gif.seek(number)
            durations.append(gif.info["duration"])
            colors.append(gif.convert("RGB").getpixel((5, 5)))
    assert durations == [900, 900, 3000]
    assert colors == [(0, 0, 255), (80, 0, 175), (160, 0, 95)]


def test_the_animation_plays_in_the_page_and_steps_by_keyboard(browser: Any, tmp_path: Path) -> None:
    frames = []
    for number in range(3):
        Image.new("RGB", (20, 10), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
        frames.append(Picture(tmp_path / f"{number}.png", f"after epoch {number}"))
    played = Document("Title", [Paragraph("Three frames."), Animation(frames, tmp_path / "training.gif")])
    document.write_html(played, tmp_path / "report.html")
    opened, problems = browser.new_page(), []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto((tmp_path / "report.html").as_uri())

    def shown(caption: str) -> str:
        opened.wait_for_function("caption => document.getElementById('which').textContent === caption", arg=caption)
        frame = opened.locator("#player img:visible")
        assert frame.get_attribute("alt") == caption
        return str(frame.get_attribute("src"))

    first = shown("after epoch 0")
    opened.get_by_role("button", name="Play").click()
    assert shown("after epoch 1") != first
    opened.get_by_role("button", name="Pause").click()
    number = int(opened.input_value("#epoch"))
    for key, by in (("ArrowRight", 1), ("ArrowRight", 1), ("ArrowLeft", -1)):
        number = (number + by) % 3
        opened.keyboard.press(key)
        assert shown(f"after epoch {number}") == frames[number].source
    opened.close()
    assert problems == []


DIES_APART = """

import os


def draw_frames(*_: object) -> object:
    os.kill(os.getpid(), 9)
"""


def test_a_killed_animation_is_one_line_and_not_a_hang(copy_of_reproduced: Project) -> None:
    with (copy_of_reproduced.folder / "crosscheck" / "explain" / "animation.py").open("a", encoding="utf-8") as code:
        code.write(DIES_APART)
    done = copy_of_reproduced.run("dvc", "repro", "explain", check=False)
    assert done.returncode != 0
    assert (
        "error: the animation's process was killed, most likely for lack of memory; set train.snapshots" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not list(copy_of_reproduced.folder.glob("report*"))
