"""Runs the committed pipeline again in a temporary clone and says, stage by stage, whether its outputs are identical.

    python -m stages.verify

Exit status 0: every output is the same to the bit, or this machine has another fingerprint than the one that made the
committed results and the test accuracies agree within 0.02. Nothing of the working tree is touched.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages import command, comparison, pipeline, store
from stages.errors import InputError
from stages.files import read_json

LOCK = "dvc.lock"
TOLERANCE = 0.02
CODE = {".py", ".html"}
COMPARED = ("test.accuracy", "test.balanced_accuracy")


def main() -> None:
    at = pipeline.paths_of("train", "evaluate")
    cache = Path(_output(["dvc", "cache", "dir"], Path.cwd()))
    with tempfile.TemporaryDirectory(prefix="crosscheck-verify-") as temporary:
        clone = Path(temporary) / "clone"
        rerun(clone, cache)
        committed = YAML(typ="safe", pure=True).load(_output(["git", "show", f"HEAD:{LOCK}"], Path.cwd()))
        rebuilt = YAML(typ="safe", pure=True).load((clone / LOCK).read_text(encoding="utf-8"))
        same = report(committed["stages"], rebuilt["stages"], cache, clone)
        before, after = (read_fingerprint(text) for text in fingerprints(at["train"]["fingerprint"], clone))
        print_fingerprints(before, after)
        if same:
            print("identical: every output of every stage")
        elif outdated := changed_since(committed["stages"], rebuilt["stages"]):
            raise InputError(f"{LOCK} was committed with other {outdated[0]}; run `dvc repro` and commit its results")
        elif before == after:
            raise InputError("the outputs differ on a machine with the same fingerprint; this is a defect")
        else:
            check_tolerance(committed["stages"], at["evaluate"]["metrics"], cache, clone)


def rerun(clone: Path, cache: Path) -> None:
    """Clone HEAD and run every stage in the clone, from the same tracked data, without any cached result."""
    home = str(Path.cwd())
    _output(["git", "clone", "--quiet", home, str(clone)], Path.cwd())
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
        return [f"{path}: {comparison.difference(old, clone / path, path)}"]
    lines = []
    for entry in json.loads(old.read_text(encoding="utf-8")):
        name, part = f"{path}/{entry['relpath']}", _cached(cache, entry["md5"])
        if not (clone / name).exists():
            lines.append(f"{name}: missing now")
        elif part is not None and (line := comparison.difference(part, clone / name, name)) != "identical":
            lines.append(f"{name}: {line}")
    return lines or [f"{path}: has further files now"]


def fingerprints(file: Path, clone: Path) -> tuple[str, str]:
    """The committed fingerprint and the one of the run in the clone, as JSON text."""
    return _output(["git", "show", f"HEAD:{file}"], Path.cwd()), (clone / file).read_text(encoding="utf-8")


def read_fingerprint(text: str) -> dict[str, str]:
    """A fingerprint from its JSON text."""
    return {str(name): str(value) for name, value in json.loads(text).items()}


def print_fingerprints(before: dict[str, str], after: dict[str, str]) -> None:
    """A line for each part: one value where both agree, both where they do not."""
    print("fingerprint  " + ("the same" if before == after else "differs: committed -> here"))
    for name in before | after:
        old, new = before.get(name, "none"), after.get(name, "none")
        print(f"    {name:14} {old if old == new else f'{old} -> {new}'}")


def check_tolerance(committed: dict[str, Any], metrics: Path, cache: Path, clone: Path) -> None:
    """Compare the accuracies of both runs. Raises InputError where they are further apart than the tolerance."""
    md5 = next(out["md5"] for out in committed["evaluate"]["outs"] if out["path"] == str(metrics))
    old = _cached(cache, md5)
    if old is None:
        raise InputError(f"{metrics}: the committed figures are not in the cache; run `dvc pull` first")
    before, after = comparison.numbers(read_json(old)), comparison.numbers(read_json(clone / metrics))
    for name in COMPARED:
        gap = abs(before[name] - after[name])
        print(
            f"{name}: {before[name]:.4f} -> {after[name]:.4f}, {'within' if gap <= TOLERANCE else 'beyond'} {TOLERANCE}"
        )
    if any(abs(before[name] - after[name]) > TOLERANCE for name in COMPARED):
        raise InputError(f"the accuracies differ by more than {TOLERANCE}")


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
    env["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / store.DATABASE}"
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(f"`{' '.join(words)}` failed in {folder} with status {done.returncode}: {last}")
    return done.stdout.strip()


if __name__ == "__main__":
    command.run(main)
