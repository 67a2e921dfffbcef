"""What a browser prints: how many pages there are, and which of them are blank."""

import re
import zlib
from typing import Any


def print_pages(page: Any) -> list[bytes]:
    """The drawing commands of each page of A4 that the page of playwright would be printed on."""
    document = page.pdf(format="A4")
    objects = dict(re.findall(rb"(?s)\n(\d+) 0 obj\n(.*?)\nendobj", document))
    contents = [re.search(rb"/Contents (\d+) 0 R", each) for each in objects.values() if b"/Type /Page\n" in each]
    return [_unpack(objects[match.group(1)]) for match in contents if match]


def _unpack(stream: bytes) -> bytes:
    content = stream.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]
    return zlib.decompress(content) if b"/FlateDecode" in stream else content


def is_blank(commands: bytes) -> bool:
    """Whether a page shows neither text nor a picture."""
    return not re.search(rb"\bT[jJ]\b|\bDo\b", commands)
