"""A proxy of a part of the server that opens a span around each call of a coroutine method, and of the plain methods
that are named; the part knows no tracing.

Used only where traces are exported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from common.callback_tasks import CallbackTasks

T = TypeVar("T")

Label = Callable[..., Mapping[str, str]]  # of a call's arguments
Span = Callable[..., AbstractContextManager[None]]


class Traced:
    """Has the attributes of `target`; its coroutine methods run in a span named `{prefix}.{method}`.

    `span` is Spans.child or Spans.root. Of the other methods, those named in `plain` have a span, too. `parts` names
    the attributes whose coroutine methods are traced likewise. `labels` has, by method, the function that returns a
    call's labels from its arguments. For a method `name_then`, which does as the coroutine method `name` and passes the
    outcome to its last argument, `name` is called in a task of `calls`, which its owner closes; without `calls` such a
    method has no span. `replaced` has attributes to use in place of the target's. Attributes cannot be assigned.
    """

    __slots__ = ("_calls", "_labels", "_plain", "_prefix", "_span", "_target", "_traced")

    def __init__(
        self,
        target: object,
        *,
        span: Span,
        prefix: str,
        calls: CallbackTasks | None = None,
        parts: tuple[str, ...] = (),
        plain: tuple[str, ...] = (),
        labels: Mapping[str, Label] | None = None,
        replaced: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = target
        self._span = span
        self._prefix = prefix
        self._labels = labels or {}
        self._calls = calls
        self._plain = plain
        # Parts and methods with a span by name; a method is added at its first call.
        self._traced: dict[str, Any] = {
            part: Traced(getattr(target, part), span=span, prefix=f"{prefix}.{part}", calls=calls) for part in parts
        } | dict(replaced or {})

    def __getattr__(self, name: str) -> Any:
        known = self._traced.get(name)
        if known is not None:
            return known
        value = getattr(self._target, name)
        calls = self._calls
        if calls is not None and name.endswith("_then"):
            awaited = getattr(self, name.removesuffix("_then"))
            return lambda *args: calls.run(awaited(*args[:-1]), args[-1])
        if inspect.iscoroutinefunction(value):
            value = self._traced[name] = self._in_span(name, value)
        elif name in self._plain:
            value = self._traced[name] = self._plain_in_span(name, value)
        return value

    def _in_span(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        span, span_name, label = self._span, f"{self._prefix}.{name}", self._labels.get(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            with span(span_name, **(label(*args, **kwargs) if label is not None else {})):
                return await method(*args, **kwargs)

        return call

    def _plain_in_span(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        span, span_name, label = self._span, f"{self._prefix}.{name}", self._labels.get(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with span(span_name, **(label(*args, **kwargs) if label is not None else {})):
                return method(*args, **kwargs)

        return call


def traced(
    target: T,
    *,
    span: Span,
    prefix: str,
    calls: CallbackTasks | None = None,
    parts: tuple[str, ...] = (),
    plain: tuple[str, ...] = (),
    labels: Mapping[str, Label] | None = None,
    replaced: Mapping[str, Any] | None = None,
) -> T:
    """Return a Traced of `target`, typed as the target."""
    proxy = Traced(
        target, span=span, prefix=prefix, calls=calls, parts=parts, plain=plain, labels=labels, replaced=replaced
    )
    return cast(T, proxy)
