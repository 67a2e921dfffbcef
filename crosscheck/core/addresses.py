"""The addresses of databases and servers: of a file whatever its path holds, and as they may be shown."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SQLITE = "sqlite:///"
# MLflow makes the folder of a "sqlite:///" address without undoing the quotes, so elsewhere; of this one it makes none.
QUOTED_SQLITE = "sqlite+pysqlite"
# Where a user may have put a secret: as a login or in the query of an address, or by itself.
ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_BACKEND_STORE_URI", "CROSSCHECK_SEARCH_DATABASE")
SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
# Shorter ones would be found within other words; values of a query are often words, such as "true".
SHORTEST_SECRET, SHORTEST_VALUE = 3, 6
HIDDEN = "***"


def sqlite_address(file: Path) -> str:
    """The address of an sqlite file, quoted where its path holds a character that an address gives a meaning."""
    plain = f"{SQLITE}{file}"
    quoted = URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)
    return plain if quoted == plain else quoted.replace("sqlite:", f"{QUOTED_SQLITE}:", 1)


def sqlite_file(address: str) -> Path | None:
    """The plain file that an sqlite address names; None for servers, and for sqlite's own `file:` addresses."""
    url = _sqlite_url(address)
    return None if url is None else Path(str(url.database))


def anchored(address: str, root: Path) -> str:
    """The address with the full name of its file, counted from `root`, where it is one of an sqlite file."""
    url = _sqlite_url(address)
    if url is None:
        return address
    _, question_mark, query = address.partition("?")
    return f"{sqlite_address(root / str(url.database))}{question_mark}{query}"


def shown(address: str) -> str:
    """The address without what may be a secret: who logs in, with which password, and what its query says."""
    if sqlite_file(address) is not None or address.startswith(SQLITE):
        return address
    scheme, found, rest = address.partition("://") if "://" in address else ("", "", address)
    # The last of several: a password may hold the character itself.
    _, at_sign, place = rest.rpartition("@")
    place = re.sub(r"[?#].*", f"?{HIDDEN}", place, flags=re.DOTALL)
    return f"{scheme}{found}{HIDDEN if at_sign else ''}{at_sign}{place}"


def hidden(text: str) -> str:
    """A message of somebody else's without the secrets that the environment holds, on one line."""
    text = " ".join(text.split())
    for name in ADDRESSES:
        address = os.environ.get(name, "")
        if address:
            text = text.replace(" ".join(address.split()), shown(address))
            for secret in _secrets(address):
                text = text.replace(secret, HIDDEN)
    for name in SECRETS:
        secret = os.environ.get(name, "")
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = re.sub(r"://[^\s'\"]*@", f"://{HIDDEN}@", text)
    return re.sub(r"(://[^\s'\"?]+)\?[^\s'\")]*", rf"\1?{HIDDEN}", text)


def _sqlite_url(address: str) -> URL | None:
    if not address.startswith("sqlite"):
        return None
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return None
    is_file = bool(url.database) and not str(url.database).startswith(("file:", ":"))
    return url if is_file and url.host is None and url.drivername in ("sqlite", QUOTED_SQLITE) else None


def _secrets(address: str) -> list[str]:
    """The parts of an address that are not to be shown, longest first, in each way that they may be written."""
    if shown(address) == address:
        return []
    rest = address.partition("://")[2] or address
    login, _, place = rest.rpartition("@")
    asked = re.split(r"[?#&]", place)[1:]
    values = [value for value in (part.partition("=")[2] for part in asked) if len(value) >= SHORTEST_VALUE]
    parts = [login, login.partition(":")[2], *asked, *values]
    written = {form for part in parts for form in (part, unquote(part), quote(unquote(part)))}
    return sorted((form for form in written if len(form) >= SHORTEST_SECRET), key=len, reverse=True)
