"""A part of the server with a span around each of its calls: what is traced does not know.

Used only where traces are exported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

T = TypeVar("T")

Label = Callable[..., Mapping[str, str]]  # of a call's arguments
Span = Callable[..., AbstractContextManager[None]]


class Traced:
    """Stands for `target`: `span` is Spans.child or Spans.root, and is given `{prefix}.{method}`.

    Calls that wait for nothing have none.

    `parts`: attributes that are traced likewise. `labels`: by method what a call's span is labelled with.
    """

    def __init__(
        self,
        target: object,
        *,
        span: Span,
        prefix: str,
        parts: tuple[str, ...] = (),
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        set_here = object.__setattr__
        set_here(self, "_target", target)
        set_here(self, "_span", span)
        set_here(self, "_prefix", prefix)
        set_here(self, "_labels", labels or {})
        for part in parts:
            set_here(self, part, Traced(getattr(target, part), span=span, prefix=f"{prefix}.{part}"))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not inspect.iscoroutinefunction(value):
            return value
        span, span_name, label = self._span, f"{self._prefix}.{name}", self._labels.get(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            with span(span_name, **(label(*args, **kwargs) if label is not None else {})):
                return await value(*args, **kwargs)

        object.__setattr__(self, name, call)
        return call

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target, name, value)


def traced(target: T, **how: Any) -> T:
    """`target` as Traced, typed as what it stands for."""
    standing_for: Any = Traced(target, **how)
    return standing_for  # type: ignore[no-any-return]
