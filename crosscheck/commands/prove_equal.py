"""Proves that the current code gives the results of older code, so that a study keeps these.

    python -m crosscheck prove_equal
    python -m crosscheck prove_equal --begin

It runs tiny runs of every kind. Where each one is the same byte for byte as in `crosscheck/study/proofs.json`, the
code's hash is added there: commit the file. Where one is not, the study has to run again. If that is meant, `--begin`
makes the results of the current code the ones that later code is compared with.
"""

import sys

from crosscheck.core import bits, code_digest
from crosscheck.core.errors import InputError
from crosscheck.study import proofs, result_cache, tiny_runs
from crosscheck.study.proofs import Proof


def main(begin: bool = False) -> None:
    known, code, releases = proofs.read(), code_digest.digest(result_cache.CODE), bits.described("portable")
    if not begin:
        check_releases(known.releases, releases)
    results = {}
    for name in tiny_runs.names():
        results[name] = tiny_runs.run(name)
        if not begin and results[name] != known.results.get(name):
            raise InputError(
                f"the tiny run {name!r} gives another result than before, so this code is not equal; if that is "
                "meant, run `python -m crosscheck prove_equal --begin`, and run the study again"
            )
        print(f"{name}: {results[name]}", file=sys.stderr)
    if begin:
        begin_anew(known, Proof(releases=releases, results=results, code=[code]))
    elif code in known.code:
        print("known: this code is on the list of equal ones")
    else:
        proofs.write(known.model_copy(update={"code": [*known.code, code]}))
        print(f"equal: {len(results)} tiny results are the same; commit {proofs.FILE.name}")


def check_releases(before: dict[str, str], now: dict[str, str]) -> None:
    """Raise InputError where the known results are of other releases: theirs expire in any case."""
    if before != now:
        name = next(name for name in before | now if before.get(name) != now.get(name))
        raise InputError(
            f"{proofs.FILE.name} is of {name} {before.get(name)}, and here is {now.get(name)}; install that release, "
            "or run `python -m crosscheck prove_equal --begin`"
        )


def begin_anew(known: Proof, fresh: Proof) -> None:
    """Replace the list. Raises InputError where the results are the same, and the list would only be shortened."""
    if (known.releases, known.results) == (fresh.releases, fresh.results):
        raise InputError("the results are those that are known; run this without --begin")
    proofs.write(fresh)
    print(f"begun: later code is compared with these {len(fresh.results)} tiny results; commit {proofs.FILE.name}")
