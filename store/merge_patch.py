"""JSON Merge Patch (RFC 7396) on decoded JSON: apply one, and find the one that leads from a value to another.

Pure. The depth of the values is bounded by the caller, for these functions recurse into objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any


def merged(target: Json, patch: Json) -> Json:
    """The target as the patch leaves it. Neither is changed.

    In an object each member of the patch replaces the target's, or is merged into it if it is an object; null removes
    it. Any other patch replaces the whole target (RFC 7396 section 2).
    """
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def difference(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """The smallest patch of `before` that gives `after`. Objects of `after` have no members that are null."""
    patch: dict[str, Json] = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        known = before.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            if inner := difference(known, value):
                patch[name] = inner
        elif name not in before or not _is_same(known, value):
            patch[name] = value
    return patch


def _is_same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON: Python takes true for 1, 1.0 too, and 0.0 for -0.0."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return repr(one) == repr(other)
