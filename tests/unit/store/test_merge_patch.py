from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.merge_patch import difference, merged

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=3)
leaves = st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | texts | st.lists(st.none() | st.integers(0, 1))
values = st.recursive(leaves, lambda inner: st.dictionaries(texts, inner, max_size=4), max_leaves=10)
objects = st.dictionaries(texts, values, max_size=4)
patches = st.dictionaries(
    texts,
    st.recursive(st.none() | leaves, lambda inner: st.dictionaries(texts, inner, max_size=4), max_leaves=10),
    max_size=4,
)

# RFC 7396, appendix A.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(objects, patches)
def test_neither_the_target_nor_the_patch_is_changed_and_twice_is_once(target: Any, patch: Any) -> None:
    before = text_of(target), text_of(patch)
    once = merged(target, patch)
    assert text_of(merged(once, patch)) == text_of(once)
    assert (text_of(target), text_of(patch)) == before


@given(objects, objects)
def test_the_difference_leads_from_one_object_to_the_other(before: Any, after: Any) -> None:
    assert text_of(merged(before, difference(before, after))) == text_of(after)
    assert difference(before, before) == {}


@given(objects, patches)
def test_what_a_patch_changed_is_a_patch_that_changes_the_same(target: Any, patch: Any) -> None:
    after = merged(target, patch)
    assert text_of(merged(target, difference(target, after))) == text_of(after)


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (1, 1.0), ([1], [True]), ({"x": 1}, [1])])
def test_values_that_python_takes_for_equal_are_a_difference(before: Any, after: Any) -> None:
    assert difference({"a": before}, {"a": after}) == {"a": after}
