"""The store's addresses are shown without their secrets."""

import ast
import sys
from pathlib import Path

import pytest
from helpers.project import Project
from helpers.repository import modules
from helpers.servers import free_port
from helpers.tracking import found_run

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.search import storage

MODULES = modules()
ADDRESSES = {
    "http://name:secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://secret@127.0.0.1:9/pre": "http://***@127.0.0.1:9/pre",
    "http://name:secret@a@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:a/secret?b@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:a://secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://127.0.0.1:9?token=secret": "http://127.0.0.1:9?***",
    "http://127.0.0.1:9/#secret": "http://127.0.0.1:9/?***",
    "http://name:the%20secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:secret@no port:xx": "http://***@no port:xx",
    "name:secret@127.0.0.1": "***@127.0.0.1",
    "postgresql+psycopg2://name:secret@127.0.0.1:9/runs?sslpassword=secret": "postgresql+psycopg2://***@127.0.0.1:9/runs?***",
    "sqlite+pysqlcipher://:secret@/file.db": "sqlite+pysqlcipher://***@/file.db",
    "gopher://name:secret@127.0.0.1": "gopher://***@127.0.0.1",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_what_may_be_a_secret(address: str) -> None:
    assert addresses.shown(address) == ADDRESSES[address]


@pytest.mark.parametrize(
    "address", ["sqlite:////home/me@work/mlflow.db", "http://127.0.0.1:5000", "sqlite:///a?timeout=5"]
)
def test_an_address_without_a_secret_is_shown_whole(address: str) -> None:
    assert addresses.shown(address) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_store_out_of_reach_is_reported_without_its_secret(
    address: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    # MLflow asks a database ten times, for 100 s in all.
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    assert found_run().failed
    said = capfd.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert said.err.startswith(f"warning: MLflow at {ADDRESSES[address]} does not record this run (")
    assert "secret" not in said.err


def test_a_password_of_its_own_variable_is_taken_out_of_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "my secret")
    monkeypatch.setenv("CROSSCHECK_SEARCH_DATABASE", "postgresql://me:another%40secret@host/x")
    said = addresses.hidden("got my secret,\n another@secret and another%40secret from http://x:y@host/path?q=z")
    assert said == "got ***, *** and *** from http://***@host/path?***"


@pytest.mark.parametrize("address", ["postgresql://me:{secret}@127.0.0.1:9/x", "postgresql://me:secret@127.0.0.1:xx/x"])
def test_a_search_s_database_out_of_reach_is_one_line_without_its_secret(
    address: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    monkeypatch.setenv("CROSSCHECK_SEARCH_DATABASE", address)
    with pytest.raises(InputError, match="cannot be opened") as caught:
        storage.open_study(storage.address(), "x", [], {}, optuna.samplers.RandomSampler())
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a%2Fb", "{x}?", "a#b"])
def test_a_search_in_a_folder_of_any_name_has_its_database_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna
    from optuna.study import StudyDirection

    root = tmp_path / name / "project"
    root.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("CROSSCHECK_SEARCH_DATABASE", raising=False)
    sampler = optuna.samplers.RandomSampler()
    storage.open_study(storage.address(), "x", [StudyDirection.MAXIMIZE], {}, sampler)
    assert storage.load_study(storage.address(), "x", sampler).study_name == "x"
    assert (root / "search.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def told_raw(module: Path) -> list[str]:
    """Where a text has an address put into it as it is."""
    return [
        ast.unparse(value)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for value in node.values
        if isinstance(value, ast.FormattedValue)
        if ast.unparse(value.value)
        in ("uri()", "store.uri()", "address", "address()", "database.address()", "url", "setup.url")
    ]


@pytest.mark.parametrize("module", [each for each in MODULES if each.stem != "addresses"], ids=lambda path: path.stem)
def test_no_text_holds_an_address_as_it_is(module: Path) -> None:
    assert told_raw(module) == []


def test_the_search_for_such_texts_finds_them(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("print(f'at {store.uri()}')\nraise InputError(f'{url}: no')\n", encoding="utf-8")
    assert len(told_raw(tmp_path / "bad.py")) == 2


def test_every_command_that_names_the_store_hides_its_password(reproduced: Project) -> None:
    address = f"http://name:secret@127.0.0.1:{free_port()}?token=secret"
    quick = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
    for words in (
        ["-m", "crosscheck", "summary"],
        ["-m", "crosscheck", "sync"],
        ["-m", "crosscheck", "promote"],
        ["-m", "crosscheck", "ui"],
    ):
        done = reproduced.run(sys.executable, *words, check=False, MLFLOW_TRACKING_URI=address, **quick)
        assert "http://***@127.0.0.1" in done.stdout + done.stderr, words
        assert "secret" not in done.stdout + done.stderr, words
        assert "Traceback" not in done.stderr
