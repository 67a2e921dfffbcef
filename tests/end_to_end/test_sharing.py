"""Results travel through a DVC remote, and experiments with them: a folder, and a bucket that speaks S3 on loopback."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.project import Project, copy_project, runs_of
from helpers.servers import free_port, stop, wait_for

KEY, SECRET = "the-key-of-the-tests", "the-secret-of-the-tests"
STAGES = ("check", "synthesize", "split", "train", "fit_ood", "evaluate", "visualize", "explain", "track")

pytestmark = [pytest.mark.soak, pytest.mark.ci]


class Remote:
    """A DVC remote, as the author of a project adds it, and what each of the team says to be let in."""

    def __init__(self, address: str, endpoint: str = "") -> None:
        self.address = address
        self.endpoint = endpoint

    def add(self, project: Project) -> None:
        project.run("dvc", "remote", "add", "--default", "team", self.address)
        if self.endpoint:
            project.run("dvc", "remote", "modify", "team", "endpointurl", self.endpoint)

    def let_in(self, project: Project) -> None:
        if self.endpoint:
            project.run("dvc", "remote", "modify", "--local", "team", "access_key_id", KEY)
            project.run("dvc", "remote", "modify", "--local", "team", "secret_access_key", SECRET)

    def object_count(self) -> int:
        if self.endpoint:
            with urllib.request.urlopen(f"{self.endpoint}/crosscheck?list-type=2", timeout=10) as answer:  # noqa: S310
                return int(answer.read().count(b"<Key>data/files/md5/"))
        return sum(path.is_file() for path in Path(self.address, "files", "md5").rglob("*"))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that speaks S3 and has the bucket `crosscheck`; it forgets everything at its end."""
    log = tmp_path_factory.mktemp("s3") / "server.log"
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(f"{address}/moto-api/data.json", server, log)
        yield address
    finally:
        stop(server)


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "folder":
        return Remote(str(tmp_path / "remote"))
    endpoint = request.getfixturevalue("bucket")
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10)  # noqa: S310
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/crosscheck", method="PUT"), timeout=10)  # noqa: S310
    return Remote("s3://crosscheck/data", endpoint)


def isolate(project: Project) -> None:
    """Nothing of the user's own cloud is used, nor asked for."""
    empty = project.folder.parent / "aws"
    empty.touch()
    project.env = {name: value for name, value in project.env.items() if not name.startswith("AWS_")}
    project.env |= {"AWS_CONFIG_FILE": str(empty), "AWS_SHARED_CREDENTIALS_FILE": str(empty)}
    project.env["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture
def author(reproduced: Project, remote: Remote, tmp_path: Path) -> Project:
    """Has results, a bare git repository as origin, and the remote in a commit; the credentials are not in it."""
    project = copy_project(reproduced, tmp_path / "author")
    isolate(project)
    remote.add(project)
    project.run("git", "commit", "-qam", "a remote")
    remote.let_in(project)
    project.run("git", "init", "-q", "--bare", str(tmp_path / "origin.git"))
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    project.run("git", "push", "-q", "origin", "main")
    return project


@pytest.fixture
def clone(author: Project, tmp_path: Path) -> Callable[[], Project]:
    """Makes a fresh clone of the author's origin, with a cache and settings of its own."""

    def make() -> Project:
        home = tmp_path / "colleague"
        home.mkdir()
        (home / "gitconfig").write_bytes((author.folder.parent / "gitconfig").read_bytes())
        author.run("git", "clone", "-q", str(tmp_path / "origin.git"), str(home / "project"))
        project = Project(home / "project")
        isolate(project)
        return project

    return make


def check_nothing_to_do(project: Project) -> None:
    """DVC finds everything as `dvc.lock` says, and `dvc repro` runs no stage and changes no file of git's."""
    assert json.loads(project.run("dvc", "status", "--json").stdout) == {}
    done = project.run("dvc", "repro")
    assert "Running stage" not in done.stdout + done.stderr
    assert [f"Stage '{name}' didn't change, skipping" for name in STAGES] == [
        line for line in done.stdout.splitlines() if line.startswith("Stage ")
    ]
    assert not (project.folder / "mlflow.db").exists()


def outputs(project: Project) -> dict[str, bytes]:
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for folder in ("data", "models", "metrics", "plots", "report")
        for path in (project.folder / folder).rglob("*")
        if path.is_file()
    }


def test_a_fresh_clone_pulls_every_output_and_repro_has_nothing_to_do(
    author: Project, remote: Remote, clone: Callable[[], Project]
) -> None:
    author.run("dvc", "push")
    assert remote.object_count() > len(STAGES)
    assert "up to date" in author.run("dvc", "push").stdout

    colleague = clone()
    remote.let_in(colleague)
    assert not (colleague.folder / "data" / "built-in").exists()
    colleague.run("dvc", "pull")
    assert outputs(colleague) == outputs(author)
    check_nothing_to_do(colleague)
    assert colleague.run("git", "status", "--porcelain").stdout == ""

    colleague.command("sync")
    (run,) = runs_of(colleague)
    assert run.data.tags["crosscheck.origin"] == "restored"
    assert run.data.metrics["test/accuracy"] == json.loads(author.read("metrics/test.json"))["test"]["accuracy"]


def test_an_experiment_is_pushed_pulled_and_applied_with_its_results(
    author: Project, remote: Remote, clone: Callable[[], Project]
) -> None:
    author.run("dvc", "push")
    author.run("dvc", "exp", "run", "--name", "wider", "-S", "model.channels=3")
    author.run("dvc", "exp", "push", "origin", "wider")

    colleague = clone()
    remote.let_in(colleague)
    assert "wider" in colleague.run("dvc", "exp", "list", "origin").stdout
    assert "wider" not in colleague.run("dvc", "exp", "list").stdout
    colleague.run("dvc", "exp", "pull", "origin", "wider")
    colleague.run("dvc", "exp", "apply", "wider")
    assert "channels: 3" in colleague.read("params.yaml")
    check_nothing_to_do(colleague)
    assert outputs(colleague) == outputs(author)
    assert json.loads(colleague.read("models/model.json"))["model"]["channels"] == 3


def test_a_result_that_was_never_pushed_is_named_and_nothing_half_pulled_is_cached(
    author: Project, remote: Remote, clone: Callable[[], Project]
) -> None:
    author.run("dvc", "push", "check", "synthesize", "split")
    colleague = clone()
    remote.let_in(colleague)
    failed = colleague.run("dvc", "pull", check=False)
    assert failed.returncode != 0
    assert "models/model.pt" in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stderr
    assert (colleague.folder / "data" / "split" / "dataset.json").exists()
    # The missing stages are made again, with the same bits.
    lock = colleague.read("dvc.lock")
    done = colleague.run("dvc", "repro")
    assert "Running stage 'train'" in done.stdout
    assert "Running stage 'split'" not in done.stdout
    assert colleague.read("dvc.lock") == lock


def test_the_credentials_let_in_and_stay_out_of_git(
    author: Project, remote: Remote, clone: Callable[[], Project]
) -> None:
    author.run("dvc", "push")
    colleague = clone()
    if remote.endpoint:
        refused = colleague.run("dvc", "pull", check=False)
        assert refused.returncode != 0
        assert "credentials" in refused.stderr
        by_environment = colleague.run("dvc", "pull", AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        assert by_environment.returncode == 0
        assert SECRET in author.read(".dvc/config.local")
    author.run("git", "add", "-A")
    for ref in author.run("git", "rev-list", "--all").stdout.split():
        assert author.run("git", "grep", "-q", "-e", SECRET, "-e", KEY, ref, check=False).returncode == 1
    assert author.run("git", "status", "--porcelain").stdout == ""
    assert author.run("git", "check-ignore", ".dvc/config.local").stdout.strip() == ".dvc/config.local"
