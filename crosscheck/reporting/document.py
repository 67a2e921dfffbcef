"""A report as a list of blocks, written as Markdown with pictures beside it and as one self-contained HTML page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from crosscheck.core.files import write_text

TEMPLATE = Path(__file__).with_suffix(".html")


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2
    kind: str = "heading"

    @property
    def anchor(self) -> str:
        """The heading as part of a link: letters and digits, joined by hyphens."""
        return "-".join("".join(letter if letter.isalnum() else " " for letter in self.text.lower()).split())


@dataclass(frozen=True)
class Text:
    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Items:
    items: Sequence[str]
    kind: str = "items"


@dataclass(frozen=True)
class Table:
    """`header` and `rows` of cells; the first column names the row."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """A PNG file with a caption, which also tells those who cannot see it."""

    file: Path
    caption: str
    kind: str = "picture"

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.file.read_bytes()).decode('ascii')}"


Block = Heading | Text | Items | Table | Picture


def write_markdown(title: str, blocks: Sequence[Block], file: Path) -> None:
    """Write the report as GitHub's Markdown; pictures are linked by their path from `file`."""
    parts = [f"# {_plain(title)}", *(_markdown(block, file.parent) for block in blocks)]
    write_text(file, "\n\n".join(parts) + "\n")


def _markdown(block: Block, folder: Path) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_plain(block.text)}"
        case Text():
            return _plain(block.text)
        case Items():
            return "\n".join(f"- {_plain(item)}" for item in block.items)
        case Table():
            rows = [block.header, ["---"] * len(block.header), *block.rows]
            return "\n".join(f"| {' | '.join(_plain(cell).replace('|', '/') for cell in row)} |" for row in rows)
        case Picture():
            # As an HTML alternative text would, a caption in brackets ends at the first closing one.
            caption = _plain(block.caption).replace("[", "(").replace("]", ")")
            return f"![{caption}]({block.file.relative_to(folder).as_posix()})\n\n*{caption}*"


def _plain(text: str) -> str:
    """Names of files and classes are the user's: they are not markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", r"\*").replace("`", r"\`")


def write_html(title: str, blocks: Sequence[Block], file: Path) -> None:
    """Write the report as one HTML file that needs no other."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    write_text(file, template.render(title=title, blocks=blocks))
