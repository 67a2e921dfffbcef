"""The report as one self-contained HTML page: pictures are embedded, and names from outside are escaped."""

import base64
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from crosscheck.core.files import write_text

TEMPLATE = Path(__file__).with_suffix(".html")


@dataclass(frozen=True)
class ReportPicture:
    """A picture as a data URI, and what it shows in words, also for those who cannot see it."""

    source: str
    caption: str


@dataclass
class Chapter:
    """A part of the page: the anchor's name, the heading, what is said, and the pictures."""

    name: str
    heading: str
    sentences: list[str] = field(default_factory=list)
    pictures: list[ReportPicture] = field(default_factory=list)

    def show(self, file: Path, caption: str) -> None:
        """Embed a PNG file with its caption."""
        self.pictures.append(embedded(file, caption))


def embedded(file: Path, caption: str) -> ReportPicture:
    """The PNG `file` as a picture for the page."""
    return ReportPicture(f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode('ascii')}", caption)


def write(
    title: str, summary: list[str], sections: list[Chapter], animation: str, frames: list[ReportPicture], file: Path
) -> None:
    """Write the page; without `frames`, `animation` says why there are none. The same content gives the same bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    described = [asdict(frame) for frame in frames]
    write_text(
        file, template.render(title=title, summary=summary, sections=sections, animation=animation, frames=described)
    )
