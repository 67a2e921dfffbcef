"""The server says which places of a drawing speak for the answer, and answers other questions meanwhile."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers.demo import checkpoint, drawings, picture, serving
from helpers.project import Project
from helpers.servers import ask

from crosscheck.app import networks, server
from crosscheck.commands import demo
from crosscheck.network.checkpoint import load_checkpoint, save_checkpoint


def explained(address: str, pixels: np.ndarray, choice: str = "network=0") -> tuple[dict[str, Any], np.ndarray]:
    answer = ask(address, "POST", f"/explain?{choice}", picture(pixels), content_type="image/png")
    assert answer.status == 200
    line, _, levels = answer.read().partition(b"\n")
    header = json.loads(line)
    shares = np.frombuffer(levels, np.uint8).reshape(header["height"], header["width"]) / 127.5 - 1
    return header, shares * header["high"]


def test_the_map_says_how_the_log_odds_change_where_a_place_is_covered(address: str, played: Project) -> None:
    pixels = drawings(500, 1).images[1, ..., 0]
    net = load_checkpoint(played.folder / "models" / "model.pt").net
    for choice, state in (("network=0", "model.pt"), ("network=0&epoch=0", "snapshots/epoch_000.pt")):
        net = load_checkpoint(played.folder / "models" / state).net
        header, shown = explained(address, pixels, choice)
        # Two classes: the log odds are the difference of the logits. Squares of 8 px that move by 4.
        side, step = 8, 4
        changes, times = np.zeros((2, *pixels.shape))
        with torch.inference_mode():
            before = net(torch.from_numpy(pixels)[None, None])[0]
            label = int(before.argmax())
            for top in range(0, 48 - side + 1, step):
                for left in range(0, 48 - side + 1, step):
                    place = (slice(top, top + side), slice(left, left + side))
                    covered = pixels.copy()
                    covered[place] = 255
                    after = net(torch.from_numpy(covered)[None, None])[0]
                    changes[place] += float((before - after)[label] - (before - after)[1 - label])
                    times[place] += 1
        expected = changes / times
        assert header["label"] == label
        np.testing.assert_allclose(shown, expected, atol=header["high"] / 100)
        assert np.abs(expected).max() > 0


def test_the_next_question_is_answered_at_once_and_stops_the_explanation(tmp_path: Path) -> None:
    save_checkpoint(checkpoint(), tmp_path / "model.pt")
    nothing = tmp_path / "none"
    (variant,) = networks.find(tmp_path / "model.pt", nothing, nothing, nothing, ())
    began: list[float] = []

    def endless(net: Callable[..., Any], *_: Any) -> np.ndarray:
        began.append(time.monotonic())
        while time.monotonic() - began[0] < 60:
            net(torch.zeros(1, 1, 48, 48))
        raise AssertionError("nobody stopped it")

    content = picture(drawings(0, 1).images[0, ..., 0])
    page = server.app([variant], 1, endless)
    with demo.listen(0) as listener, serving(page, listener) as address, ThreadPoolExecutor(1) as pool:
        why = pool.submit(ask, address, "POST", "/explain?network=0", content, content_type="image/png")
        while not began:
            time.sleep(0.01)
        look = ask(address, "POST", "/look?network=0", content, content_type="image/png")
        assert look.status == 200
        assert why.result().status == 204
