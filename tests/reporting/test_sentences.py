"""Sentences are filled in as their template says, and what is missing in one is an error."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from crosscheck.reporting.sentences import Sentences


@pytest.fixture
def module(tmp_path: Path) -> str:
    (tmp_path / "words.txt").write_text(
        '{% macro size(n) %}{{ n | count("image") }}, {{ n | grouped }}{% endmacro %}'
        "{% macro value(x) %}{{ x | decimals(2) }} {{ x | signed(1) }} {{ x | significant }} {{ x | significant(2) }} "
        "{{ x | percent }} {{ x | percent(0) }}{% endmacro %}"
        "{% macro name(each) %}{{ each.name }} {{ each.kind | loud }}{% endmacro %}",
        encoding="utf-8",
    )
    return str(tmp_path / "words.py")


def test_numbers_are_written_as_the_template_says(module: str) -> None:
    say = Sentences(module, loud=str.upper)
    assert [say("size", 1), say("size", 1234)] == ["1 image, 1", "1,234 images, 1,234"]
    assert say("value", 0.123456789) == "0.12 +0.1 0.123457 0.12 12.3% 12%"


def test_a_name_is_text_as_it_stands_and_one_that_is_missing_is_an_error(module: str) -> None:
    say = Sentences(module, loud=str.upper)
    assert say("name", {"name": "<a> & b", "kind": "x"}) == "<a> & b X"
    with pytest.raises(UndefinedError):
        say("name", {"kind": "x"})
