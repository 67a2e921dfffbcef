"""The MLflow UI as a user sees it: `make ui`, opened in a real headless Chromium."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.project import Project
from helpers.servers import free_port, stop, wait_for

SECONDS = 1000.0


@pytest.fixture(scope="module")
def address(browser: Any, reproduced: Project) -> Iterator[str]:
    """Where `make ui` shows the store of the reproduced project."""
    port = free_port()
    log = reproduced.folder.parent / "ui.log"
    # The environment of the tests stands for .venv.
    command = ["make", "-s", "-o", ".venv/.ready", "ui", f"PORT={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=reproduced.folder, env=reproduced.env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)


@pytest.mark.slow
def test_the_run_its_metrics_a_curve_and_a_picture_show_in_the_browser(
    browser: Any, address: str, reproduced: Project, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120 * SECONDS)
    page.route(lambda url: not url.startswith((address, "blob:", "data:")), lambda route: route.abort())

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
    page.close()


def test_make_ui_without_a_store_says_what_to_run(project: Project) -> None:
    done = project.run("make", "-s", "-o", ".venv/.ready", "ui", check=False)
    assert done.returncode != 0
    assert "run `make repro` first" in done.stderr


def test_make_ui_names_the_server_of_the_user_instead(project: Project) -> None:
    done = project.run("make", "-s", "-o", ".venv/.ready", "ui", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "open http://127.0.0.1:9" in done.stdout
