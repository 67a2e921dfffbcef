"""A document is the same in HTML and in Markdown, and names from outside are no markup in either."""

import re
from pathlib import Path

import pytest
from PIL import Image

from crosscheck.reporting import document
from crosscheck.reporting.diagrams import Diagram, Step
from crosscheck.reporting.document import (
    Animation,
    Bullets,
    Code,
    Document,
    Page,
    Paragraph,
    Picture,
    Section,
    Table,
    Term,
    Terms,
)

NAMES = ["<script>alert(1)</script>", "a$b_c \"quoted\" & 'more'", "emoji 🙂 " + "long " * 20]


def every_block(folder: Path, name: str) -> Document:
    """A document of every kind of block, in which each text is `name`."""
    Image.new("RGB", (2, 2)).save(folder / "x.png")
    picture = Picture(folder / "x.png", name)
    blocks = [
        Paragraph(name),
        Bullets([name, (name, Code("do it"))]),
        Table([name, name], [[name, name]]),
        Terms([Term(name, [name, Page(name, "../docs/x.md")], "term")]),
        Diagram(name, [Step(name, [name], 2, (1.0, 1.0)), Step(name, [], 3, None, "anchor")]),
        picture,
    ]
    inner = Section(name, [Animation([picture, picture], folder / "x.gif")])
    return Document(name, [Section(name, [*blocks, inner], "anchor")])


@pytest.mark.parametrize("name", [*NAMES, "</script><script>alert(1)</script>"])
def test_names_from_outside_are_text_on_the_page(tmp_path: Path, name: str) -> None:
    document.write_html(every_block(tmp_path, name), tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<script", html)) == 1
    assert "alert(1)</script>" not in html


def test_the_same_document_is_markdown_in_which_names_are_no_markup(tmp_path: Path) -> None:
    document.write_markdown(every_block(tmp_path, "a*b|`<i>[x]"), tmp_path / "page.md")
    plain = r"a\*b|\`&lt;i>[x]"
    cell, alt = plain.replace("|", "/"), plain.replace("[x]", "(x)")
    assert (tmp_path / "page.md").read_text(encoding="utf-8").split("\n\n") == [
        f"# {plain}",
        '<a id="anchor"></a>',
        f"## {plain}",
        plain,
        f"- {plain}\n- {plain}`do it`",
        f"| {cell} | {cell} |\n| --- | --- |\n| {cell} | {cell} |",
        f'- <a id="term"></a>**{plain}**: {plain}[{alt}](../docs/x.md)',
        f"{plain}:",
        f"1. {plain}, {plain}\n2. {plain}",
        f"![{alt}](x.png)",
        f"*{plain}*",
        f"### {plain}",
        f"![{alt}](x.gif)\n",
    ]
