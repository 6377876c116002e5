"""A scenario: a name, a claim, options with bounds and a function that measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from bench.errors import BenchError
from bench.result import Figure

if TYPE_CHECKING:
    from bench.scenario_context import ScenarioContext


class Option(msgspec.Struct, frozen=True):
    """A whole number that `--set name=value` changes within its bounds."""

    default: int
    lowest: int
    highest: int
    about: str


class Scenario(msgspec.Struct, frozen=True):
    """`run` returns the figures, and adds failures and findings to its context. It raises BenchError where it could not
    measure.
    """

    name: str
    about: str
    options: Mapping[str, Option]
    run: Callable[[ScenarioContext], list[Figure]]
    with_all: bool = True  # False: it takes long, and runs only when named

    def values(self, given: Mapping[str, int]) -> dict[str, int]:
        """All options, given or by default. Raises BenchError for an unknown name or a value out of bounds."""
        for name, value in given.items():
            option = self.options.get(name)
            if option is None:
                raise BenchError(f"--set {name}: {self.name} has {', '.join(self.options) or 'no options'}")
            if not option.lowest <= value <= option.highest:
                raise BenchError(f"--set {name}={value}: {self.name} takes {option.lowest} to {option.highest}")
        return {name: given.get(name, option.default) for name, option in self.options.items()}
