"""The MLflow UI as a user sees it: `make ui`, opened in a real headless Chromium."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.project import Project
from helpers.servers import free_port, stop, wait_for

SECONDS = 1000.0


@dataclass(frozen=True)
class Shown:
    """A project's store as `make ui` shows it: the address of MLflow's pages, and all that the command printed."""

    pages: str
    log: Path

    @property
    def last_line(self) -> str:
        """Of the command itself: the server tells of every request, also of those of this test."""
        said = self.log.read_text(encoding="utf-8").strip().splitlines()
        return [line for line in said if " INFO" not in line][-1]


@contextmanager
def shown(project: Project) -> Iterator[Shown]:
    port, log = free_port(), project.folder.parent / "ui.log"
    # The environment of the tests stands for .venv.
    command = ["make", "-s", "-o", ".venv/.ready", "ui", f"PORT={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=project.folder, env=project.env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        for _ in range(600):
            if "The runs: " in log.read_text(encoding="utf-8"):
                break
            time.sleep(0.1)
        yield Shown(f"http://127.0.0.1:{port}", log)
    finally:
        stop(server)


@pytest.fixture(scope="module")
def ui(browser: Any, reproduced: Project) -> Iterator[Shown]:
    with shown(reproduced) as found:
        yield found


@pytest.fixture
def address(ui: Shown) -> str:
    return ui.pages


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page of a browser that has not been at MLflow before, and that reaches this server alone."""
    fresh = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = fresh.new_page()
    page.set_default_timeout(120 * SECONDS)
    page.route(lambda url: not url.startswith((address, "blob:", "data:")), lambda route: route.abort())
    yield page
    fresh.close()


@pytest.mark.slow
def test_the_address_that_is_printed_last_opens_the_list_of_runs(page: Any, ui: Shown) -> None:
    found = re.fullmatch(r"The runs: (\S+)", ui.last_line)
    assert found
    assert found[1] == f"{ui.pages}/#/experiments/1/runs?workflowType=machine_learning"
    page.goto(found[1])
    check_list_of_runs(page)


@pytest.mark.slow
def test_whoever_has_chosen_model_training_once_gets_the_runs_from_the_overview_as_well(page: Any, ui: Shown) -> None:
    page.goto(ui.pages)
    page.get_by_text("Model training").first.click()
    page.goto(f"{ui.pages}/#/experiments")
    page.reload()
    page.get_by_role("link", name="crosscheck", exact=True).first.click()
    check_list_of_runs(page)


@pytest.mark.slow
def test_a_view_of_the_list_shows_accuracies_and_a_baseline(page: Any, ui: Shown) -> None:
    found = re.search(r"^Accuracy and baselines of the runs: (\S+)$", ui.log.read_text(encoding="utf-8"), re.M)
    assert found
    page.goto(found[1])
    page.get_by_role("link", name="workspace").first.wait_for()
    for column in ("test/accuracy", "test/accuracy_low", "test/accuracy_high", "test/baseline_1nn"):
        page.get_by_text(column, exact=True).first.wait_for(state="attached")


def check_list_of_runs(page: Any) -> None:
    """The runs with their data are there, and what is for language models is not."""
    page.get_by_role("link", name="workspace").first.wait_for()
    page.get_by_text("built-in").first.wait_for()
    assert page.get_by_text("Detect Issues").count() == 0


@pytest.mark.slow
def test_the_page_of_a_run_says_what_it_is_and_shows_no_receipt(page: Any, ui: Shown, reproduced: Project) -> None:
    page.goto(f"{ui.pages}/#/experiments/1/runs?workflowType=machine_learning")
    page.get_by_role("link", name="workspace").first.click()
    accuracy = json.loads(reproduced.read("metrics/test.json"))["test"]["accuracy"]
    page.get_by_text(f"{accuracy:.2%} of n = ").first.wait_for()
    # Parts of the page come one after the other.
    for part in ("crosscheck.origin", "Without a network: ", "conv-2-2-max-dense"):
        page.get_by_text(part).first.wait_for()
    assert json.loads(reproduced.read("models/model.json"))["sha256"] not in page.inner_text("body")


@pytest.mark.slow
def test_a_link_of_the_report_scrolls_to_its_chapter_within_mlflow(page: Any, ui: Shown) -> None:
    page.goto(f"{ui.pages}/#/experiments/1/runs?workflowType=machine_learning")
    page.get_by_role("link", name="workspace").first.click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report", exact=True).first.click()
    page.get_by_text("report.html", exact=True).first.click()
    frame = page.frame_locator("iframe.mlflow-html-iframe")
    link = frame.locator("nav a").last
    link.wait_for()
    place = "link => document.getElementById(link.hash.slice(1)).getBoundingClientRect().top"
    height = frame.locator("html").evaluate("page => innerHeight")
    assert link.evaluate(place) > height
    link.click()
    assert -5 < link.evaluate(place) < height


@pytest.mark.slow
def test_the_run_its_metrics_a_curve_and_a_picture_show_in_the_browser(
    page: Any, address: str, reproduced: Project, tmp_path: Path
) -> None:
    page.goto(address)
    page.get_by_role("link", name="crosscheck", exact=True).first.wait_for()
    page.goto(f"{address}/#/experiments/1/runs")
    page.get_by_role("link", name="workspace").first.click()

    accuracy = json.loads(reproduced.read("metrics/test.json"))["test"]["accuracy"]
    row = page.get_by_role("row").filter(has=page.get_by_text("test/accuracy", exact=True))
    assert float(row.inner_text().split()[-1]) == pytest.approx(accuracy, rel=1e-4)
    page.screenshot(path=tmp_path / "overview.png", full_page=True)

    page.get_by_role("tab", name="Model metrics").click()
    page.get_by_placeholder("Search metric charts").fill("train/loss")
    # The line of a chart with its two epochs.
    page.locator(".js-plotly-plot .scatterlayer .trace path.js-line").first.wait_for(state="attached")
    page.get_by_text("workspace (train/loss)").first.wait_for()
    assert page.locator(".js-plotly-plot .scatterlayer .trace path.point").count() == 2
    page.screenshot(path=tmp_path / "curve.png")

    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("plots", exact=True).first.click()
    page.get_by_text("curves.png", exact=True).first.click()
    picture = page.get_by_role("img", name="plots/curves.png")
    picture.wait_for(state="attached")
    width = page.wait_for_function(
        "() => [...document.images].find(image => image.alt === 'plots/curves.png')?.naturalWidth || 0"
    ).json_value()
    page.screenshot(path=tmp_path / "picture.png")
    from PIL import Image

    with Image.open(reproduced.folder / "plots" / "curves.png") as drawn:
        assert width == drawn.width


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "a closed terminal"])
def test_the_pages_end_with_the_command_and_without_an_error(reproduced: Project, ending: signal.Signals) -> None:
    with shown(reproduced) as found:
        (command,) = [each for each in psutil.process_iter() if is_command(each, found.pages.rpartition(":")[2])]
        os.killpg(os.getpgid(command.pid), ending)
        command.wait(60)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(found.pages, timeout=5)  # noqa: S310 - a loopback address
        assert "Traceback" not in found.log.read_text(encoding="utf-8")


def is_command(process: psutil.Process, port: str) -> bool:
    try:
        return {"crosscheck", "ui", port} <= set(process.cmdline())
    except psutil.Error:
        return False


def test_a_port_that_is_taken_is_one_line(reproduced: Project) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = reproduced.command("ui", "--port", str(port), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"error: port {port} cannot be used (Address already in use); choose another: make ui"
    )
    assert len(done.stderr.splitlines()) == 1
    assert "go from 1 to 65535" in reproduced.command("ui", "--port", "0", check=False).stderr


def test_make_ui_without_a_store_says_what_to_run(project: Project) -> None:
    done = project.run("make", "-s", "-o", ".venv/.ready", "ui", check=False)
    assert done.returncode != 0
    assert "run `make repro` first" in done.stderr


def test_make_ui_names_the_server_of_the_user_instead(project: Project) -> None:
    done = project.run("make", "-s", "-o", ".venv/.ready", "ui", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "open http://127.0.0.1:9" in done.stdout
