"""A folder that is looked at is described as it is, and stays as it is."""

from pathlib import Path

import numpy as np
import pytest
from helpers.image_folders import draw_toy_images, fill
from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.data import concerns, difficulty, duplicates, image_folder, inspection, sightings


def draw(root: Path, name: str, count: int, size: tuple[int, int] = (20, 20), mode: str = "RGB") -> None:
    """`count` images of noise in the class `name`."""
    random = np.random.default_rng(list(name.encode()))
    (root / name).mkdir(parents=True)
    for index in range(count):
        noise = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        noise.convert(mode).save(root / name / f"{index}.png")


def state(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(root.rglob("*"))}


def test_classes_are_counted_and_nothing_is_changed(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 6)
    draw(root, "noise", 2)
    before = state(tmp_path)
    found = inspection.inspect_folder(root)
    assert (found.layout, found.labels, found.subsets) == ("classes", "none", {})
    assert found.counts == {"bars": 6, "discs": 6, "noise": 2}
    assert (found.fewest, found.imbalance) == (2, 3.0)
    assert state(tmp_path) == before


def test_the_sample_takes_all_classes_alike_and_is_the_same_each_time(tmp_path: Path) -> None:
    root = fill(tmp_path, *(f"a/{number}.png" for number in range(50)), *(f"b/{number}.png" for number in range(3)))
    listing = image_folder.find(root)
    drawn = sightings.draw(listing, count=10)
    assert len(set(drawn)) == 10
    assert sum(label == 1 for _, label in drawn) == 3
    assert drawn == sightings.draw(listing, count=10)
    assert drawn != sightings.draw(listing, seed=1, count=10)


def test_large_photos_are_looked_at_until_they_have_many_pixels_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST_PIXELS", 250)
    headers = [sightings.Header(name, 0, 10, 10, 8, False, False, 1) for name in "abc"]
    files = [("a", 0), ("broken", 0), ("b", 0), ("c", 0)]
    assert sightings.within_budget(files, headers) == [("a", 0), ("broken", 0), ("b", 0)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((45, 36), (36, 45)), ((8, 8), (32, 32)), ((28, 28), (32, 32)), ((400, 200), (48, 96)), ((96, 96), (96, 96))],
)
def test_images_keep_their_size_within_limits(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    for name in ("a", "b"):
        draw(tmp_path, name, 2, size)
    data = inspection.inspect_folder(tmp_path).data
    assert (data.height, data.width, data.fit) == (*expected, "stretch")


def test_images_of_unequal_shapes_are_padded_and_dark_ones_with_black(tmp_path: Path) -> None:
    for name, size in (("tall", (30, 60)), ("wide", (60, 30))):
        draw(tmp_path, name, 3, size)
    assert inspection.inspect_folder(tmp_path).data.fit == "pad"
    for path in tmp_path.rglob("*.png"):
        Image.open(path).point(lambda value: value // 8).save(path)
    assert inspection.inspect_folder(tmp_path).data.background == 0


def test_a_photo_that_was_turned_by_the_camera_counts_upright(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(tmp_path, name, 2, (80, 40))
        for path in list((tmp_path / name).iterdir()):
            image = Image.open(path)
            exif = image.getexif()
            exif[sightings.EXIF_ORIENTATION] = 6
            image.save(path, exif=exif)
    data = inspection.inspect_folder(tmp_path).data
    assert (data.height, data.width) == (80, 40)


def test_colour_is_told_from_grey_and_from_grey_that_is_stored_as_colour(tmp_path: Path) -> None:
    for name in ("colour", "grey", "tinted"):
        for part in ("a", "b"):
            draw(tmp_path / name, part, 3)
    for path in (tmp_path / "grey").rglob("*.png"):
        Image.open(path).convert("L").convert("RGB").save(path)
    for path in (tmp_path / "tinted").rglob("*.png"):
        grey = np.asarray(Image.open(path).convert("L")).astype(int)
        Image.fromarray(np.stack([grey, grey, grey - 8], 2).clip(0, 255).astype(np.uint8)).save(path)
    found = {name: inspection.inspect_folder(tmp_path / name) for name in ("colour", "grey", "tinted")}
    assert {name: each.is_colour for name, each in found.items()} == {"colour": True, "grey": False, "tinted": False}
    assert all(each.headers[0].stores_colour for each in found.values())


def test_marks_on_paper_are_told_from_pictures_without_a_ground(tmp_path: Path) -> None:
    paper = inspection.inspect_folder(draw_toy_images(tmp_path / "paper", 5, size=40))
    for name in ("a", "b"):
        draw(tmp_path / "noise", name, 5, mode="L")
    assert paper.is_drawn
    assert not inspection.inspect_folder(tmp_path / "noise").is_drawn


def test_bit_depth_transparency_and_frames_are_seen(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 1)
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(root / "bars" / "deep.png")
    Image.new("RGBA", (16, 16), (1, 2, 3, 0)).save(root / "bars" / "clear.png")
    frames = [Image.new("L", (16, 16), grey) for grey in (0, 255)]
    frames[0].save(root / "discs" / "film.gif", save_all=True, append_images=frames[1:])
    found = inspection.inspect_folder(root)
    assert {each.bits for each in found.headers} == {8, 16}
    assert sum(each.transparent for each in found.headers) == 1
    said = "\n".join(concerns.find_concerns(found))
    assert "1 images of the sample have transparent parts ('.png')" in said
    assert "1 files of the sample hold several frames or pages" in said
    assert "use at most" in said


def test_unreadable_junk_and_other_files_are_counted(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 4)
    (root / "bars" / "half.png").write_bytes((root / "bars" / "000.png").read_bytes()[:60])
    (root / "bars" / "notes.txt").write_text("not an image")
    fill(root, "Thumbs.db", "discs/.hidden")
    found = inspection.inspect_folder(root)
    assert list(found.sample.unreadable) == ["bars/half.png"]
    assert found.sample.not_images == ["bars/notes.txt"]
    said = "\n".join(concerns.find_concerns(found))
    assert "1 of 10 files of the sample cannot be read, such as 'bars/half.png'" in said
    assert "1 files are not named like images ('.txt')" in said
    assert "2 files or folders are ignored: 'Thumbs.db', 'discs/.hidden'" in said


def test_copies_are_found_and_those_in_two_classes_too(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 4)
    first = (root / "bars" / "000.png").read_bytes()
    (root / "bars" / "again.png").write_bytes(first)
    (root / "discs" / "wrong.png").write_bytes(first)
    found = inspection.inspect_folder(root)
    assert found.duplicates.groups == [["bars/000.png", "bars/again.png", "discs/wrong.png"]]
    said = "\n".join(concerns.find_concerns(found))
    assert "2 files are copies of others (of all with equal sizes)" in said
    assert "1 groups of copies are in two classes" in said


def test_files_of_equal_size_are_compared_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = draw_toy_images(tmp_path / "mine", 2)
    for number in range(6):
        (root / "bars" / f"same{number}.bin").write_bytes(b"same")
    monkeypatch.setattr(duplicates, "MOST_FILES", 4)
    same = duplicates.find_duplicates(root, image_folder.find(root))
    assert (len(same.groups), same.surplus) == (1, 3)
    assert same.unread >= 2


def test_few_and_unequal_images_are_worth_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    draw(root, "many", 12)
    draw(root, "few", 2)
    said = "\n".join(concerns.find_concerns(inspection.inspect_folder(root)))
    assert "the classes are unequal: 'many' has 12 images and 'few' 2" in said
    assert "2 classes have fewer than 20 images, such as 'few' with 2" in said


def test_a_sound_folder_gets_no_warning(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(tmp_path, name, 20, mode="L")
    assert concerns.find_concerns(inspection.inspect_folder(tmp_path)) == []


def test_the_baselines_are_those_of_the_sample_and_of_the_counts(tmp_path: Path) -> None:
    baselines = difficulty.score_baselines(inspection.inspect_folder(draw_toy_images(tmp_path / "even", 10)))
    assert baselines.most_frequent == 0.5
    assert baselines.nearest_neighbour > 0.9
    images = np.array([0, 1, 10, 11], dtype=np.uint8).reshape(4, 1, 1, 1)
    assert difficulty.leave_one_out(images, np.array([0, 0, 1, 0])) == 0.5


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    for name, words in {"empty/": "holds no class", "one/a/x.png": "only the class 'a'"}.items():
        root = fill(tmp_path, name) / name.split("/")[0]
        with pytest.raises(InputError, match=words):
            inspection.inspect_folder(root)
    texts = fill(tmp_path, "texts/a/x.txt", "texts/b/x.txt") / "texts"
    with pytest.raises(InputError, match="none of 2 files that were looked at is an image"):
        inspection.inspect_folder(texts)
    with pytest.raises(InputError, match="nowhere: does not exist"):
        inspection.inspect_folder(tmp_path / "nowhere")


def test_a_table_of_labels_is_known_by_its_columns_and_its_first_paths(tmp_path: Path) -> None:
    fill(tmp_path, "images/one.png")
    table = tmp_path / "labels.csv"
    for text, expected in [
        ("path,label\nimages/one.png,cat\n", "labels.csv"),
        ("label,path,group\ncat,images/one.png,g\n", "labels.csv"),
        ("path,label\nimages/two.png,cat\n", "none"),
        ("image,label\nimages/one.png,cat\n", "none"),
        ("", "none"),
    ]:
        table.write_text(text, encoding="utf-8")
        assert inspection.find_table(tmp_path) == expected, text
    table.write_bytes(b"\xff\xfe\x00")
    assert inspection.find_table(tmp_path) == "none"
