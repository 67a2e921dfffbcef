"""Proves that the current code gives the results of older code, so that a study keeps these.

    python -m crosscheck prove_equal
    python -m crosscheck prove_equal --begin

It does tiny runs of every kind. If each one is the same byte for byte as in `crosscheck/study/proofs.json`, the code's
hash is added there: commit the file. If one differs, the study has to run again. If you want that, `--begin` takes the
results of the current code as those that later code is compared with.
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
        check_names(known.results)
    results = {}
    for name in tiny_runs.names():
        results[name] = tiny_runs.run(name)
        if not begin and results[name] != known.results.get(name, results[name]):
            raise InputError(
                f"the tiny run {name!r} gives another result than before, so this code is not equal; if that is "
                "meant, run `python -m crosscheck prove_equal --begin`, and run the study again"
            )
        print(f"{name}: {results[name]}", file=sys.stderr)
    added = len(results.keys() - known.results.keys())
    if begin:
        begin_anew(known, Proof(releases=releases, results=results, code=[code]))
    elif code in known.code and not added:
        print("known: this code is on the list of equal ones")
    else:
        codes = known.code if code in known.code else [*known.code, code]
        proofs.write(known.model_copy(update={"code": codes, "results": known.results | results}))
        more = f", and {added} new ones are on the list" if added else ""
        print(f"equal: {len(known.results)} tiny results are the same{more}; commit {proofs.FILE.name}")


def check_names(results: dict[str, str]) -> None:
    """Raise InputError where there is no tiny run any more for one of the known `results`: it would prove less."""
    if gone := sorted(results.keys() - set(tiny_runs.names())):
        raise InputError(f"{proofs.FILE.name} has the tiny run {gone[0]!r}, which is gone; restore it in tiny_runs.py")


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
        raise InputError("the results have not changed; run this without --begin")
    proofs.write(fresh)
    print(f"begun: later code is compared with these {len(fresh.results)} tiny results; commit {proofs.FILE.name}")
