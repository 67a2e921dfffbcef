"""Every folder of the comparison, by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.folders import drawn, packaged, scenes
from benchmarks.folders.packaged import FACES, PHOTOGRAPHS, TEXTURES
from benchmarks.folders.pictures import Picture, in_classes, in_subsets, in_table

Make = Callable[[], Iterator[Picture]]
EACH_MARK = 200


@dataclass(frozen=True)
class Recipe:
    """How a folder is made: its pictures and the form in which they lie there.

    `flips`: a mirrored image is as good, which whoever knows the images knows; `files`: scikit-image's that it needs.
    """

    make: Make
    form: Callable[[Iterator[Picture], Path], None] = in_classes
    flips: bool = True
    files: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write every file, below `folder`."""
        self.form(self.make(), folder)


MARKS = partial(drawn.marks, (EACH_MARK,) * 3)
SHAPES = partial(scenes.shapes, 100)

FOLDERS: dict[str, Recipe] = {
    "circles": Recipe(partial(drawn.built_in, 200, 116, drawn.PLAIN)),
    "circles-turned": Recipe(partial(drawn.built_in, 200, 64, drawn.TURNED)),
    "circles-hard": Recipe(partial(drawn.built_in, 300, 64, drawn.HARD)),
    "digits": Recipe(packaged.digits, flips=False),
    "views": Recipe(partial(packaged.views, 100)),
    "textures": Recipe(partial(packaged.textures, 120), files=TEXTURES),
    "photographs": Recipe(partial(packaged.photographs, 80), files=PHOTOGRAPHS),
    "faces": Recipe(packaged.faces, files=(FACES,)),
    "marks": Recipe(MARKS),
    "marks-subsets": Recipe(MARKS, in_subsets),
    "marks-rare": Recipe(partial(drawn.marks, (400, 60, 20))),
    "marks-few": Recipe(partial(drawn.marks, (12, 12, 12))),
    "shapes": Recipe(SHAPES),
    "shapes-table": Recipe(SHAPES, in_table),
    "patients": Recipe(partial(scenes.patients, 40, 12, True)),
    "patients-names": Recipe(partial(scenes.patients, 40, 12, False)),
}
