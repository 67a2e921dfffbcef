"""The browser that opens the pages."""

import os
import shutil

import pytest

# No request leaves this machine.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """The browser's executable; without one, the test is skipped, or fails where CROSSCHECK_BROWSER says so."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "no Chromium on the PATH; install Debian's package chromium to see the pages tested"
        if os.environ.get("CROSSCHECK_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
