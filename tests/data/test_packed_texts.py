"""Columns of texts behave as lists of them do."""

import pytest

from crosscheck.data import packed_texts
from crosscheck.data.packed_texts import ChosenTexts, FewTexts, PackedTexts

# A file name that is not UTF-8 has such a character.
TEXTS = ["a/1.png", "", "ä/2.png", "a/1.png", "\udcff.png"]


@pytest.mark.parametrize("kind", [PackedTexts, FewTexts, lambda texts: ChosenTexts(texts, list(range(len(texts))))])
def test_a_column_is_a_sequence_of_its_texts(kind: type[PackedTexts]) -> None:
    column = kind(TEXTS)
    assert column == TEXTS and list(column) == TEXTS and len(column) == len(TEXTS)
    assert column != TEXTS[:-1] and column != [*TEXTS[:-1], "b"]
    assert (column[2], column[-1], column[1:3]) == (TEXTS[2], TEXTS[-1], TEXTS[1:3])
    assert (column.count("a/1.png"), column.count("b"), "" in column, "b" in column) == (2, 0, True, False)
    with pytest.raises(IndexError, match="no text 5 among 5"):
        column[5]


def test_a_column_too_long_for_ends_of_four_bytes_gets_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_texts, "LARGEST", 8)
    assert PackedTexts(TEXTS) == TEXTS


def test_few_texts_tell_where_one_of_them_is() -> None:
    column = FewTexts(["test"])
    column.append("train", 3)
    column.append("val", 0)
    assert column == ["test", "train", "train", "train"]
    assert column.equal("train").tolist() == [False, True, True, True]
    assert not column.equal("val").any()
