"""Prepares what `make ui` shows: says what is missing, and lets a database follow its project to another folder.

python -m crosscheck ui
"""

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.tracking import store
from crosscheck.tracking.outages import explained


def main() -> None:
    address = store.uri()
    if address.startswith(("http:", "https:")):
        print(f"MLFLOW_TRACKING_URI is a server, which has its own UI: open {store.shown_uri()}")
        return
    file = addresses.sqlite_file(address)
    if file is not None and not file.exists():
        raise InputError(f"{file}: nothing is recorded yet; run `make repro` first")
    with explained("cannot be shown"):
        store.prepare()
