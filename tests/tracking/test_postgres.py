"""A team's MLflow server: `mlflow server` on a real PostgreSQL, which the test starts and takes away again."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.project import Project
from helpers.servers import free_port, stop, wait_for
from helpers.tracking import WARNING, check_run_is_complete, models

pytestmark = [pytest.mark.soak, pytest.mark.ci]


def program(name: str) -> str:
    """A program of PostgreSQL's server, which Debian keeps off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parent.parent.name))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        reason = f"no {name}; install Debian's package postgresql to see the MLflow server tested on it"
        if os.environ.get("CROSSCHECK_POSTGRES") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Cluster:
    """A PostgreSQL of its own in a temporary folder, on loopback and with passwords, as a user that is not root."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder = folder
        self.user = user
        self.port = free_port()
        self.admin, self.password = secrets.token_hex(16), secrets.token_hex(16)

    def run(self, name: str, *words: str) -> str:
        # A file: a pipe would stay open in the server that pg_ctl leaves behind.
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [program(name), *words],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": self.admin},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=120,
                check=False,
                user=self.user,
                group=self.user and pwd.getpwnam(self.user).pw_gid,
                extra_groups=[] if self.user else None,
            )
        printed = log.read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, printed
        return printed

    def start(self) -> None:
        (self.folder / "password").write_text(self.admin, encoding="utf-8")
        if self.user:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, self.user)
        self.run("initdb", "-D", "data", "--username=admin", "--auth=scram-sha-256", "--pwfile=password", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-D", "data", "-l", "server.log", "-w", "-t", "60", "-o", options, "start")

    def make_database(self) -> None:
        """What docs/how-to/share.md says, by an administrator."""
        self.query("postgres", f"CREATE ROLE mlflow LOGIN PASSWORD '{self.password}'")
        self.query("postgres", "CREATE DATABASE mlflow OWNER mlflow")

    def query(self, database: str, text: str) -> str:
        at = ("--host=127.0.0.1", f"--port={self.port}", "--username=admin")
        return self.run("psql", *at, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={text}", database)

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-t", "60", "stop")

    @property
    def address(self) -> str:
        return f"postgresql+psycopg2://mlflow:{self.password}@127.0.0.1:{self.port}/mlflow"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    program("initdb")
    # Not in pytest's own folder, which is closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="crosscheck-postgres-") as folder:
        cluster = Cluster(Path(folder), "postgres" if os.geteuid() == 0 else None)
        try:
            cluster.start()
            cluster.make_database()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow server` as docs/how-to/share.md starts it: the address, with its password, in the environment."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PG"))}
    env |= {
        "MLFLOW_BACKEND_STORE_URI": cluster.address,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--artifacts-destination", "artifacts"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def run_of(address: str) -> tuple[Any, Any]:
    import mlflow

    client = mlflow.MlflowClient(address)
    (run,) = client.search_runs([client.get_experiment_by_name("crosscheck").experiment_id])
    return client, run


def test_a_run_its_metrics_and_its_artifacts_go_to_the_server_on_postgresql(
    cluster: Cluster, server: str, copy_of_reproduced: Project
) -> None:
    project = copy_of_reproduced
    trained = project.run("dvc", "repro", "--force", MLFLOW_TRACKING_URI=server)
    assert WARNING not in trained.stderr
    client, run = run_of(server)
    assert run.data.tags["crosscheck.origin"] == "trained"
    check_run_is_complete(project, client, run)
    assert len(models(client)) == 1
    assert not (project.folder / "mlflow.db").exists()
    assert not (project.folder / "mlartifacts").exists()

    # It is PostgreSQL that has them: each point once, and nothing twice after a sync by a colleague.
    points = "SELECT count(*), count(DISTINCT (key, step)) FROM metrics WHERE NOT is_nan"
    count, distinct = cluster.query("mlflow", points).strip().split("|")
    assert count == distinct
    assert int(count) > 10
    synced = project.run(sys.executable, "-m", "crosscheck", "sync", MLFLOW_TRACKING_URI=server)
    assert synced.stderr == ""
    assert cluster.query("mlflow", points).strip() == f"{count}|{distinct}"
    assert run_of(server)[1].info.run_id == run.info.run_id


def test_the_password_stands_in_no_list_of_processes(cluster: Cluster, server: str) -> None:
    with urllib.request.urlopen(f"{server}/health", timeout=10) as answer:  # noqa: S310 - a loopback address
        assert answer.status == 200
    seen = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert any("mlflow" in line for line in seen)
    assert not [line for line in seen if cluster.password in line]


def test_database_and_server_listen_on_loopback_alone(cluster: Cluster, server: str) -> None:
    ports = {cluster.port, int(server.rpartition(":")[2])}
    listening = [
        found.laddr
        for found in psutil.net_connections("inet")
        if found.status == "LISTEN" and found.laddr.port in ports
    ]
    assert {address.port for address in listening} == ports
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_a_request_under_a_foreign_host_name_is_refused(server: str) -> None:
    # What a page in somebody's browser could send to a server on loopback.
    request = urllib.request.Request(f"{server}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)  # noqa: S310


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(cluster.address.replace(cluster.password, "wrong"))
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        engine.connect()
    engine.dispose()
