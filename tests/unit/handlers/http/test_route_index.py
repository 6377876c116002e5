"""The index finds the row that comes first of those that match, as trying all rows in order does."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.routing import URLSpec

from handlers.http.route_index import RouteIndex

PATTERNS = (
    r"/",
    r"/users",
    r"/users/me",
    r"/users/([^/]+)",
    r"/users/([^/]+)/blocks/([^/]+)",
    r"/openapi.json",
    r"/static/([a-z.]+(?:/[a-z.]+){0,2})",
    r"/hooks/([^/]+)",
    r"/hooks/.*",
    r"/user.*",
    r"/([a-z]+)/me",
)
ROWS = [URLSpec(pattern, Any, {"row": number}) for number, pattern in enumerate(PATTERNS)]
SEGMENTS = st.sampled_from(
    ["users", "user", "me", "blocks", "static", "a.js", "hooks", "openapi.json", "%C3%A9", "", "x"]
)


def request(path: str) -> HTTPServerRequest:
    line = RequestStartLine("GET", path, "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=HTTPHeaders(Host="localhost"), connection=Mock())


@given(st.lists(SEGMENTS, max_size=5))
def test_the_row_is_the_first_of_those_that_match(segments: list[str]) -> None:
    asked = request("/" + "/".join(segments))
    expected = next(((row, found) for row in ROWS if (found := row.matcher.match(asked)) is not None), None)
    found = RouteIndex(ROWS).find(asked)
    if expected is None:
        assert found is None
    else:
        assert found == (expected[0], expected[1].get("path_args", []))


@pytest.mark.parametrize("path", ["", "*", "users", "//users"])
def test_a_target_that_is_no_path_matches_no_row(path: str) -> None:
    assert RouteIndex(ROWS).find(request(path)) is None
