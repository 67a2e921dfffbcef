"""Runs the committed pipeline again in a temporary clone and says, stage by stage, whether its outputs are identical.

    python -m crosscheck verify

It verifies the last commit; the project may be a sub-folder of its git repository. The exit status is 0 if every output
is the same bit for bit. That is promised for portable results of the same releases on every machine, and for native
ones on the machine that made them. Where it is not promised, the status is 0 if the test accuracies agree within 0.02.
The working tree is not touched.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json
from crosscheck.core.yaml_files import parse_yaml, read_yaml
from crosscheck.pipeline import file_diff, paths
from crosscheck.tracking import store

LOCK, PARAMS = "dvc.lock", "params.yaml"
TOLERANCE = 0.02
CODE = {".py", ".html"}
COMPARED = ("test.accuracy", "test.balanced_accuracy")


def main() -> None:
    at = paths.read_paths_by_stage("train", "evaluate")
    cache = Path(_output(["dvc", "cache", "dir"], Path.cwd()))
    print(f"verifying {verified()}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="crosscheck-verify-") as temporary:
        clone = Path(temporary) / "clone" / _output(["git", "rev-parse", "--show-prefix"], Path.cwd())
        rerun(Path(temporary) / "clone", clone, cache)
        committed = parse_yaml(_output(["git", "show", f"HEAD:./{LOCK}"], Path.cwd()), LOCK)
        rebuilt = read_yaml(clone / LOCK)
        same = report(committed["stages"], rebuilt["stages"], cache, clone)
        before, after = (
            committed_card(committed["stages"], at["train"]["card"], cache),
            read_json(clone / at["train"]["card"]),
        )
        print_bits(before.get("bits", {}), after["bits"])
        if same:
            print("identical: every output of every stage")
        elif outdated := changed_since(committed["stages"], rebuilt["stages"]):
            raise InputError(f"{LOCK} was committed with other {outdated[0]}; run `dvc repro` and commit its results")
        elif promised := promise(before, after, at["train"]["machine"], clone):
            raise InputError(f"the outputs differ, but {promised}; this is a defect: report it with the lines above")
        else:
            check_tolerance(committed["stages"], at["evaluate"]["metrics"], cache, clone)


def verified() -> str:
    """The commit in words, and that changes made since are not part of it."""
    commit = _output(["git", "log", "-1", "--format=%h (%s)"], Path.cwd())
    changed = _output(["git", "status", "--porcelain", "--untracked-files=no", "--", "."], Path.cwd()).splitlines()
    files = "a file" if len(changed) == 1 else f"{len(changed)} files"
    return f"commit {commit}" + (f", without the changes of {files} since then" if changed else "")


def rerun(repository: Path, clone: Path, cache: Path) -> None:
    """Clone HEAD to `repository` and run every stage in `clone`, the project's folder in it, without any cached result.

    It runs from the same tracked data.
    """
    home = _output(["git", "rev-parse", "--show-toplevel"], Path.cwd())
    _output(["git", "clone", "--quiet", home, str(repository)], Path.cwd())
    _output(["dvc", "config", "--local", "cache.dir", str(cache)], clone)
    tracked = [str(file.relative_to(clone)) for file in sorted(clone.rglob("*.dvc")) if file.is_file()]
    if tracked:
        _output(["dvc", "checkout", *tracked], clone)
    print(f"running the committed pipeline again in {clone}", file=sys.stderr)
    _output(["dvc", "repro", "--force", "--no-run-cache", "--no-commit"], clone)


def report(committed: dict[str, Any], rebuilt: dict[str, Any], cache: Path, clone: Path) -> bool:
    """Print a line for each stage, and one for each output that differs; true where none does."""
    same = True
    for name in committed | rebuilt:
        before, after = (_hashes(lock, name, "outs") for lock in (committed, rebuilt))
        if not before and not after:
            # It has no outputs, such as the stage that tells MLflow.
            continue
        differing = _differing(before, after)
        print(f"{name:12} {'differs' if differing else 'identical'}")
        same = same and not differing
        for path in differing:
            for line in explain(path, before.get(path, ""), cache, clone):
                print(f"    {line}")
    return same


def changed_since(committed: dict[str, Any], rebuilt: dict[str, Any]) -> list[str]:
    """The code and the parameters that are others in the commit than when its results were made."""
    changes: list[str] = []
    for name in committed | rebuilt:
        before, after = (_hashes(lock, name, "deps") for lock in (committed, rebuilt))
        changes += [f"code ({path})" for path in _differing(before, after) if _is_code(path)]
        if committed.get(name, {}).get("params") != rebuilt.get(name, {}).get("params"):
            changes.append(f"parameters (of {name})")
    return changes


def _is_code(path: str) -> bool:
    """Whether a dependency is of the project's own packages, which lie in the working directory, and not data."""
    return Path(path).suffix in CODE or Path(Path(path).parts[0], "__init__.py").exists()


def explain(path: str, md5: str, cache: Path, clone: Path) -> list[str]:
    """What differs in one output: a line for the file, or for each file of the folder."""
    old = _cached(cache, md5)
    if old is None:
        return [f"{path}: differs; the committed one is not in the cache to compare with (`dvc pull` may fetch it)"]
    if not md5.endswith(".dir"):
        return [f"{path}: {file_diff.difference(old, clone / path, path)}"]
    lines = []
    for entry in json.loads(old.read_text(encoding="utf-8")):
        name, part = f"{path}/{entry['relpath']}", _cached(cache, entry["md5"])
        if not (clone / name).exists():
            lines.append(f"{name}: missing now")
        elif part is not None and (line := file_diff.difference(part, clone / name, name)) != "identical":
            lines.append(f"{name}: {line}")
    return lines or [f"{path}: has further files now"]


def committed_card(committed: dict[str, Any], card: Path, cache: Path) -> dict[str, Any]:
    """The committed card, or, where it is not in the cache, what the lock tells of it: the mode that was asked for."""
    md5 = _hashes(committed, "train", "outs").get(str(card), "")
    cached = _cached(cache, md5)
    if cached is not None:
        content: dict[str, Any] = read_json(cached)
        return content
    asked = committed.get("train", {}).get("params", {}).get(PARAMS, {}).get("compute", {}).get("portable", False)
    return {"bits": {"mode": "portable" if asked else "native"}}


def print_bits(before: dict[str, str], after: dict[str, str]) -> None:
    """A line for each thing that decides the bits: one value where both agree, both where they do not."""
    for name in before | after:
        old, new = before.get(name, "unknown"), after.get(name, "none")
        print(f"{name:12} {old if old == new else f'{old} -> {new}'}")


def promise(before: dict[str, Any], after: dict[str, Any], machine: Path, clone: Path) -> str | None:
    """Why both results have to be the same bit for bit, or None where nothing promises it.

    `machine`: where the last training in this working tree noted what had trained it.
    """
    then, now = before.get("bits", {}), after["bits"]
    if any(then.get(name, value) != value for name, value in now.items()):
        return None
    if now["mode"] == "portable":
        return "portable results are the same on every machine"
    made_by, here = (read_json(file) if file.exists() else {} for file in (machine, clone / machine))
    if not made_by or made_by.pop("checkpoint", None) != before.get("sha256"):
        return None
    here.pop("checkpoint", None)
    return "this is the machine that made the committed results" if made_by == here else None


def check_tolerance(committed: dict[str, Any], metrics: Path, cache: Path, clone: Path) -> None:
    """Compare the accuracies of both runs. Raises InputError where they are further apart than the tolerance."""
    md5 = next(out["md5"] for out in committed["evaluate"]["outs"] if out["path"] == str(metrics))
    old = _cached(cache, md5)
    if old is None:
        raise InputError(f"{metrics}: the committed figures are not in the cache; run `dvc pull` first")
    before, after = file_diff.numbers(read_json(old)), file_diff.numbers(read_json(clone / metrics))
    for name in COMPARED:
        gap = abs(before[name] - after[name])
        print(
            f"{name}: {before[name]:.4f} -> {after[name]:.4f}, {'within' if gap <= TOLERANCE else 'beyond'} {TOLERANCE}"
        )
    if any(abs(before[name] - after[name]) > TOLERANCE for name in COMPARED):
        raise InputError(
            f"the accuracies differ by more than {TOLERANCE}; this is a defect: report it with the lines above"
        )


def _hashes(lock: dict[str, Any], stage: str, kind: str) -> dict[str, str]:
    return {each["path"]: each["md5"] for each in lock.get(stage, {}).get(kind, [])}


def _differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _cached(cache: Path, md5: str) -> Path | None:
    file = cache / "files" / "md5" / md5[:2] / md5[2:]
    return file if md5 and file.exists() else None


def _output(words: list[str], folder: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    # The user's store is for the user's runs.
    env["MLFLOW_TRACKING_URI"] = addresses.sqlite_address(folder / store.DATABASE)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(
            f"`{' '.join(words)}` failed in {folder} with status {done.returncode}; fix this first: {last}"
        )
    return done.stdout.strip()
