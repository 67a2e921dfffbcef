"""A report as a tree of records, rendered by templates: Markdown with pictures beside it, or one HTML page."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from crosscheck.core.files import write_text
from crosscheck.reporting.diagrams import Diagram


@dataclass(frozen=True)
class Code:
    """Words to be typed as they stand, such as a command."""

    text: str
    kind: ClassVar = "code"


@dataclass(frozen=True)
class Strong:
    """Words that a reader should see first."""

    text: str
    kind: ClassVar = "strong"


@dataclass(frozen=True)
class Link:
    """Words that lead to the section of this document with this anchor."""

    text: str
    anchor: str
    kind: ClassVar = "link"


@dataclass(frozen=True)
class Page:
    """Words that lead to another file; `path` is relative to the folder of this document."""

    text: str
    path: str
    kind: ClassVar = "page"


@dataclass(frozen=True)
class Mark:
    """A sign that stands for a word. The word is its title, and what a screen reader says in its place.

    `color` names a colour of the page's style: up, down, same, hint or open.
    """

    sign: str
    word: str
    color: str
    kind: ClassVar = "mark"


@dataclass(frozen=True)
class Break:
    """The end of a line within a paragraph or a cell."""

    kind: ClassVar = "break"


Part = str | Code | Strong | Link | Page | Mark | Break
# Plain text, or text with other parts in it.
Words = str | Sequence[Part]


@dataclass(frozen=True)
class Paragraph:
    words: Words
    kind: ClassVar = "paragraph"


@dataclass(frozen=True)
class Bullets:
    items: Sequence[Words]
    kind: ClassVar = "bullets"


@dataclass(frozen=True)
class Term:
    """A word with its meaning; links lead to `anchor`."""

    name: str
    meaning: Words
    anchor: str


@dataclass(frozen=True)
class Terms:
    """Words that the document uses, and what they mean."""

    terms: Sequence[Term]
    kind: ClassVar = "terms"


@dataclass(frozen=True)
class Table:
    """`header` and `rows` of cells; the first column names the row.

    On a phone each row of a table is a card, a cell below the other. `grid`: one of marks, which keeps its columns and
    is as narrow as they let it be.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Words]]
    grid: bool = False
    kind: ClassVar = "table"


@dataclass(frozen=True)
class Picture:
    """A PNG file with a caption, which says how to read it.

    `captioned`: whether the caption stands below the picture. `instead`: what those are told who cannot see it, where
    that is not the caption: what is in the picture, and what stands in its title.
    """

    file: Path
    caption: Words
    captioned: bool = True
    instead: str = ""
    kind: ClassVar = "picture"

    @property
    def alternative(self) -> str:
        """The text in the place of the picture."""
        return self.instead or plain_text(self.caption)

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.file.read_bytes()).decode('ascii')}"


@dataclass(frozen=True)
class Animation:
    """Pictures to play one after the other, at least one; `gif` is a file with the same. A page has at most one."""

    frames: Sequence[Picture]
    gif: Path
    kind: ClassVar = "animation"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; `name` is the anchor to link to, and follows from the heading if empty.

    `folded`: a page shows the heading alone until the reader opens it.
    """

    heading: str
    blocks: Sequence["Block"]
    name: str = ""
    folded: bool = False
    kind: ClassVar = "section"

    @property
    def anchor(self) -> str:
        """The name, or the heading as part of a link: letters and digits, joined by hyphens."""
        spaced = "".join(letter if letter.isalnum() else " " for letter in self.heading.lower())
        return self.name or "-".join(spaced.split())


Block = Paragraph | Bullets | Terms | Table | Diagram | Picture | Animation | Section


@dataclass(frozen=True)
class Document:
    """A report: what stands above the sections, and the sections. Raises ValueError where two share an anchor."""

    title: str
    blocks: Sequence[Block]

    def __post_init__(self) -> None:
        anchors = [anchor for block in _walk(self.blocks) for anchor in _anchors(block)]
        twice = {anchor for anchor in anchors if anchors.count(anchor) > 1}
        if twice:
            raise ValueError(f"two sections have the anchor {min(twice)!r}; give one of them another name")

    @property
    def opening(self) -> list[Block]:
        """What stands above the first section, and above the contents."""
        return list(takewhile(lambda block: not isinstance(block, Section), self.blocks))

    @property
    def body(self) -> Sequence[Block]:
        """The first section and all below."""
        return self.blocks[len(self.opening) :]


def _walk(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from _walk(block.blocks)


def _anchors(block: Block) -> list[str]:
    if isinstance(block, Terms):
        return [term.anchor for term in block.terms]
    return [block.anchor] if isinstance(block, Section) else []


def plain_text(words: Words) -> str:
    """The words alone, for where nothing else may stand."""
    parts = [words] if isinstance(words, str) else words
    return "".join(
        part if isinstance(part, str) else part.word if isinstance(part, Mark) else getattr(part, "text", " ")
        for part in parts
    )


def write_markdown(document: Document, file: Path) -> None:
    """Write the report as GitHub's Markdown; pictures are linked by their path from `file`."""
    write_text(file, _render("document.md", document=document, folder=file.parent))


def write_html(document: Document, file: Path) -> None:
    """Write the report as one HTML file that needs no other. Names from outside are text on it, and no markup."""
    write_text(file, _render("document.html", document=document))


def render_markdown(*blocks: Block) -> str:
    """Blocks without a picture as GitHub's Markdown, to be quoted elsewhere; it begins and ends without empty lines."""
    return _render("document.md", document=Document("", blocks), folder=Path()).strip()


def _render(template: str, **content: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["plain"] = _plain
    # As an HTML alternative text would, a caption in brackets ends at the first closing one.
    environment.filters["in_brackets"] = lambda text: _plain(text).replace("[", "(").replace("]", ")")
    return environment.get_template(template).render(**content)


def _plain(text: str) -> str:
    """Names of files and classes are the user's: they are not markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", r"\*").replace("`", r"\`")
