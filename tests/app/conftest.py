"""A demo that runs: `make demo` in a small project."""

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from helpers.demo import DATA_SET, checkpoint, drawings, train
from helpers.demo_page import DemoPage
from helpers.project import Project, make_project
from helpers.servers import free_port, stop, wait_for

from crosscheck.core.files import sha256, write_json
from crosscheck.evaluation import ood
from crosscheck.network.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a trained network, its state before training as a snapshot, and two other networks.

    `other` is not trained. `silent` is the trained one with a last layer that gives 0 for everything.
    """
    project = make_project(tmp_path_factory.mktemp("demo") / "project")
    models, split = project.folder / "models", project.folder / "data" / "split"
    images, val = drawings(0, 150), drawings(150, 60)
    split.mkdir(parents=True)
    write_json(split / "dataset.json", DATA_SET.__dict__)
    for name, subset in (("train", images), ("val", val)):
        np.save(split / f"{name}.npy", subset.images)
        np.save(split / f"{name}_labels.npy", subset.labels)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = checkpoint()
    save_checkpoint(made, models / "snapshots" / "epoch_000.pt")
    train(made.net, images, 150)
    torch.set_num_threads(threads)
    save_checkpoint(made, models / "model.pt")
    write_json(models / "snapshots" / "index.json", {"epochs": [0], "left_out": ""})
    digest = sha256(models / "model.pt")
    ood.save_detector(ood.fit_detector(made.net, images, val, digest), models / "ood_detector.npz")
    save_checkpoint(checkpoint(head="convolution", hidden=[], channels=3), models / "other.pt")
    with torch.no_grad():
        for weights in list(made.net.children())[-1].parameters():
            weights.zero_()
    save_checkpoint(made, models / "silent.pt")
    return project


@pytest.fixture(scope="module")
def address(played: Project) -> Iterator[str]:
    """Where `make demo` shows the networks of the project."""
    port, log = free_port(), played.folder.parent / "demo.log"
    # The environment of the tests stands for .venv.
    command = ["make", "-s", "-o", ".venv/.ready", "demo", f"DEMO_PORT={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=played.folder, env=played.env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/networks", server, log)
        yield f"http://127.0.0.1:{port}"
        printed = log.read_text(encoding="utf-8").splitlines()
        assert printed == [f"http://127.0.0.1:{port} shows model, other, silent; Ctrl-C stops it"]
    finally:
        stop(server)


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., DemoPage]]:
    """Opens the demo in a window with these options. At the end, the browser may have complained of nothing."""
    opened: list[DemoPage] = []

    def run(**options: Any) -> DemoPage:
        opened.append(DemoPage(browser.new_page(**options), address))
        return opened[-1]

    yield run
    for page in opened:
        page.page.close()
    assert [page.problems for page in opened] == [[]] * len(opened)
