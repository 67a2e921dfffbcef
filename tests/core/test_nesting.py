"""Nested dictionaries as flat ones."""

from crosscheck.core.nesting import flatten


def test_a_value_gets_the_keys_that_lead_to_it() -> None:
    nested = {"test": {"accuracy": 0.5, "by": {"class": [1, {"n": 2}]}}, "n": None, "empty": {}}
    assert flatten(nested) == {"test.accuracy": 0.5, "test.by.class": [1, {"n": 2}], "n": None}
    assert flatten(nested, "_", lists=True) == {
        "test_accuracy": 0.5,
        "test_by_class_0": 1,
        "test_by_class_1_n": 2,
        "n": None,
    }


def test_what_is_not_nested_has_the_empty_name() -> None:
    assert flatten(5) == {"": 5}
    assert flatten([5]) == {"": [5]}
