"""A claim about the speed of the server, what was measured of it, and the verdict. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.result import Cell, Table

HOLDS, DOES_NOT_HOLD, NOT_MEASURABLE = "holds", "does not hold", "not measurable here"
COLUMNS = ("claim", "as claimed", "without", "measured", "unit", "less by %", "switch", "verdict")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is claimed of a value in `unit`: each bound that is not None.

    `before` is the claimed value without the optimisation, of which one of `at_most` and `at_least` is then the claimed
    value with it. `less_percent` is by how much less the value must be than without. `switch` turns the optimisation
    off; it is empty where nothing does.
    """

    name: str
    unit: str
    switch: str = ""
    before: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    less_percent: float | None = None

    @property
    def as_claimed(self) -> str:
        """The bounds as a text."""
        after = self.at_most if self.at_least is None else self.at_least
        if self.before is not None and after is not None:
            return f"{self.before:,g} → {after:,g} {self.unit}".rstrip()
        bounds = [f"≤ {self.at_most:,g} {self.unit}"] if self.at_most is not None else []
        bounds += [f"≥ {self.at_least:,g} {self.unit}"] if self.at_least is not None else []
        bounds += [f"{self.less_percent:g} % less"] if self.less_percent is not None else []
        return ", ".join(bounds)

    @property
    def required_less_percent(self) -> float | None:
        """By how much less than without the value must be, in percent; None where that is not claimed."""
        if self.less_percent is None and self.before is not None and self.at_most is not None:
            return 100 * (1 - self.at_most / self.before)
        return self.less_percent


class JudgedClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with what was measured: `value`, and `without` the optimisation. `why` explains the verdict."""

    claim: Claim
    verdict: str
    why: str = ""
    value: float | None = None
    without: float | None = None

    @property
    def less_percent(self) -> float | None:
        """By how much less the value is than without the optimisation; negative if it is more."""
        return None if self.value is None or not self.without else 100 * (1 - self.value / self.without)

    def row(self) -> tuple[Cell, ...]:
        """The cells of COLUMNS."""
        claim = self.claim
        verdict = f"{self.verdict}: {self.why}" if self.why else self.verdict
        return (
            claim.name, claim.as_claimed, self.without, self.value, claim.unit, self.less_percent,
            claim.switch or "none", verdict,
        )  # fmt: skip


def judge(claim: Claim, value: float | None, *, without: float | None = None, note: str = "") -> JudgedClaim:
    """Compare what was measured with each bound. `note` is added to the reason of the verdict."""
    if value is None:
        return not_measurable(claim, note or "the value is unknown")
    broken = []
    if claim.at_most is not None and value > claim.at_most:
        broken.append(f"more than {claim.at_most:,g}")
    if claim.at_least is not None and value < claim.at_least:
        broken.append(f"less than {claim.at_least:,g}")
    measured = JudgedClaim(claim=claim, verdict=HOLDS, why=note, value=value, without=without)
    required, less = claim.required_less_percent, measured.less_percent
    if required is not None and less is None:
        return not_measurable(claim, note or "the value without is unknown", value=value)
    if required is not None and less is not None and less < required:
        broken.append(f"{less:.0f} % less, not {required:.0f} %" if less > 0 else "no less than without")
    if not broken:
        return measured
    return msgspec.structs.replace(measured, verdict=DOES_NOT_HOLD, why="; ".join([*broken, *([note] if note else [])]))


def not_measurable(claim: Claim, why: str, *, value: float | None = None) -> JudgedClaim:
    """A claim that cannot be judged, with the reason."""
    return JudgedClaim(claim=claim, verdict=NOT_MEASURABLE, why=why, value=value)


def claims_table(title: str, judged: Sequence[JudgedClaim]) -> Table:
    return Table(title, COLUMNS, [one.row() for one in judged])
