"""Which refusals by limits count, before a connection is ended for them."""

from __future__ import annotations

from chat.connections.refusals_in_a_row import REFUSALS_MAX, RefusalsInARow


def test_each_refusal_of_a_command_that_was_sent_after_the_first_counts() -> None:
    refusals = RefusalsInARow(arrived_bytes=100)
    for _ in range(REFUSALS_MAX - 2):
        refusals.add(came_at=100)
    assert not refusals.are_too_many
    refusals.add(came_at=5_000)
    assert refusals.are_too_many


def test_what_had_arrived_when_the_first_was_refused_counts_as_one_with_it() -> None:
    refusals = RefusalsInARow(arrived_bytes=100)
    for _ in range(2 * REFUSALS_MAX):
        refusals.add(came_at=99)
    assert not refusals.are_too_many
