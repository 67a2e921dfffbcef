"""The lines that `predict` prints, for many classes and for any names."""

from collections import Counter

from crosscheck.commands import predict
from crosscheck.data.dataset import DataSet

SIZE = 40


def test_a_total_of_many_classes_names_the_first_ten() -> None:
    data_set = DataSet([f"c{number:02d}" for number in range(30)], SIZE, SIZE, 1, "stretch", 255)
    counts = Counter(dict.fromkeys(data_set.classes[5:], 2))
    said = predict.total(counts, data_set, 1)
    assert said.startswith("50 images: 2 c05, 2 c06, ") and said.endswith(
        ", 2 c14, 30 of 15 other classes; 1 not readable"
    )
    assert predict.total(Counter({"c00": 1}), data_set, 0) == "1 image: 1 c00; 0 not readable"


def test_names_of_any_letters_keep_the_table_in_line() -> None:
    classes = ["猫", "e\u0301", "long " * 40, "two\nlines", "🐕"]
    data_set = DataSet(classes, SIZE, SIZE, 1, "stretch", 255)
    lines = [predict.table_line(data_set, label, "50.00%", "0.10", "clear\x1b[2J \udcff.png") for label in classes]
    for line in lines:
        assert line.isprintable() and line.endswith(r"clear\x1b[2J \udcff.png")
        assert predict.columns(line) == predict.columns(lines[0])
    assert lines[2].startswith("long long") and "…" in lines[2]
