"""The files of a study's results: `results/VARIANT.jsonl` with a line for each run, in the order of the seeds.

They are meant for git, so a clone has them all. A shard writes to a separate file, `VARIANT.3-of-8.jsonl`, and every
file `VARIANT.ANYTHING.jsonl` is read, too: results of other machines are added by copying their files. `fold` makes one
file of them. A file is replaced as a whole, under a lock, so that no process loses a line of another one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from crosscheck.core.errors import InputError
from crosscheck.core.files import remove_file, write_text
from crosscheck.core.validation_messages import describe_damage
from crosscheck.study import result_lines
from crosscheck.study.results import StoredResult
from crosscheck.study.shards import Shard

GIT_MARKS = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")


@dataclass(frozen=True)
class Entry:
    """A line of a file and the result in it."""

    file: Path
    number: int
    text: str
    stored: StoredResult

    @property
    def place(self) -> tuple[int, str]:
        """Seed and key: two results of the same ones must be equal."""
        return self.stored.seed, self.stored.key

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}"


def file_for(folder: Path, variant: str, shard: Shard | None = None) -> Path:
    """Where new results of the variant are written."""
    return folder / f"{variant}.{shard.name}.jsonl" if shard else folder / f"{variant}.jsonl"


def files_of(folder: Path, variant: str) -> list[Path]:
    """All files with results of the variant, that of no shard first."""
    whole = file_for(folder, variant)
    # A name of a variant has no dot.
    return [file for file in (whole, *sorted(folder.glob(f"{variant}.*.jsonl"))) if file.is_file()]


def read_variant(folder: Path, variant: str) -> dict[tuple[int, str], StoredResult]:
    """All results of the variant by seed and key, also of other code or parameters than the current ones.

    Raises InputError for a line that is not a result, and for two different results of one key.
    """
    return {place: entry.stored for place, entry in _entries(files_of(folder, variant)).items()}


def add(file: Path, new: StoredResult) -> None:
    """Add a result to the file, in the place of any other one of its seed, which the current code superseded."""
    with _writing(file.parent):
        kept = [entry for entry in _entries([file]).values() if entry.stored.seed != new.seed]
        lines = {entry.place: entry.text for entry in kept} | {(new.seed, new.key): result_lines.encode(new)}
        _write(file, lines)


def fold(folder: Path, variant: str, wanted: Mapping[int, Sequence[str]]) -> None:
    """Make one file of all files of the variant, each result once.

    `wanted` are the keys of each seed that are good, the best first. Where a seed has a good result, its other lines
    go; a seed without one keeps its lines.
    """
    with _writing(folder):
        files = files_of(folder, variant)
        entries = _entries(files)
        lines = {place: entry.text for place, entry in entries.items() if _is_kept(place, entries, wanted)}
        whole = file_for(folder, variant)
        if lines:
            _write(whole, lines)
        # Last: a result that is in two files does no harm.
        for file in files:
            if file != whole:
                remove_file(file, vouched=True)


def _is_kept(
    place: tuple[int, str], entries: Mapping[tuple[int, str], Entry], wanted: Mapping[int, Sequence[str]]
) -> bool:
    seed, key = place
    good = [each for each in wanted.get(seed, ()) if (seed, each) in entries]
    return not good or key == good[0]


def _write(file: Path, lines: Mapping[tuple[int, str], str]) -> None:
    text = "".join(f"{line}\n" for _, line in sorted(lines.items()))
    if not file.is_file() or file.read_bytes() != text.encode():
        # Its lines were read before, and the study's folder has its mark: the project wrote it.
        write_text(file, text, vouched=True)


def _entries(files: Sequence[Path]) -> dict[tuple[int, str], Entry]:
    """Every result in the files by its seed and key, each once."""
    found: dict[tuple[int, str], Entry] = {}
    for file in files:
        for entry in _read(file):
            known = found.setdefault(entry.place, entry)
            if known.stored.result != entry.stored.result:
                raise InputError(
                    f"{entry}: another result of seed {entry.stored.seed} than {known}, though both have the key "
                    f"{entry.stored.key}; remove the one that you trust less, and run the study again"
                )
    return found


def _read(file: Path) -> Iterator[Entry]:
    if not file.is_file():
        return
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        if not line:
            continue
        try:
            text = line.decode()
            yield Entry(file, number, text, result_lines.decode(text))
        except ValueError as error:
            raise InputError(f"{file}, line {number}: {_damage(line, error)}") from None


def _damage(line: bytes, error: ValueError) -> str:
    if line.decode(errors="replace").startswith(GIT_MARKS):
        return "a mark of a git conflict; remove the marks and keep the lines between them, a result each"
    said = describe_damage(error) if isinstance(error, ValidationError) else str(error)
    return f"not a whole result ({said}); remove the line and run the study again"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Alone among the processes that write to the folder, on every machine that shares its storage."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.write.lock"))
    try:
        lock.acquire()
    except NotImplementedError:
        raise InputError(
            f"{folder}: this storage has no locks; run each shard in a separate clone, and copy the files together"
        ) from None
    try:
        yield
    finally:
        lock.release()
