"""Headers of fields that are known to be good answer as Tornado's own do."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders

from handlers.http.known_headers import KnownHeaders


@pytest.mark.parametrize("name", ["Host", "host", "x-a-b", "X-A-B", "Twice", "missing", "Content-length"])
def test_a_field_is_found_by_its_name_in_any_case_and_one_that_is_not_there_by_none(name: str) -> None:
    known = KnownHeaders({"Host": ["a"], "X-A-B": ["1"], "Twice": ["x", "y"], "Content-Length": ["0"]})
    plain = HTTPHeaders({"Host": "a", "X-A-B": "1", "Content-Length": "0"})
    plain.add("Twice", "x")
    plain.add("Twice", "y")
    for default in (None, "other"):
        assert known.get(name, default) == plain.get(name, default)
    assert (name in known) == (name in plain)
    assert known.get_list(name) == plain.get_list(name)


def test_a_field_that_is_added_set_or_taken_away_is_found_so() -> None:
    known = KnownHeaders({"Vary": ["Origin"]})
    known.add("vary", "Authorization")
    assert known.get("Vary") == known["Vary"] == "Origin,Authorization"
    known["vary"] = "Origin"
    assert known.get("VARY") == "Origin"
    del known["Vary"]
    assert known.get("Vary") is None
    assert list(known.get_all()) == []
