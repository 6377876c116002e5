"""Schemas of records, where no field may be that they do not name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def strict(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas by name, those of records closed."""
    return {
        name: {"additionalProperties": False, **schema} if "properties" in schema else dict(schema)
        for name, schema in schemas.items()
    }
