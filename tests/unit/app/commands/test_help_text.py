"""The help: each flag beside its variable, unit and default, each command with all that it takes, in 80 columns."""

from __future__ import annotations

import pytest

from app.commands import help_text
from app.commands.table import COMMANDS
from app.settings import TABLE

ALL = help_text.usage(COMMANDS, "chat-rooms")


def test_each_variable_is_listed_with_its_flag_unit_and_default() -> None:
    said = " ".join(ALL.split())
    for variable in TABLE:
        names = ", ".join((*([variable.flag] if variable.ways.by_flag else []), *variable.variables))
        unit = f" [{variable.unit}]" if variable.unit else ""
        assert f" {names}{unit} ({variable.default or 'unset'}) {variable.about}; takes " in said


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_its_operands_flags_exit_codes_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    text = help_text.usage_of(name, command, "chat-rooms")
    assert text.startswith(f"chat-rooms {name} ")
    for operand in command.operands:
        assert f"\n  {operand.name}\n" in text
    for flag in command.flags:
        assert f"\n  {flag.name} " in text
    for code in "012":
        assert f"\n  {code} " in text
    assert name == "serve" or f"\n  chat-rooms {name}" in text.partition("Example")[2]
    for variable in command.variables or ():
        assert f", {variable} " in text or f", {variable}," in text or f"  {variable}, " in text, variable
    assert f" {name} {command.form}".strip() in ALL
    assert command.about in " ".join(ALL.split())


def test_no_line_is_longer_than_80_columns() -> None:
    texts = [ALL, *(help_text.usage_of(name, command, "chat-rooms") for name, command in COMMANDS.items())]
    assert [line for text in texts for line in text.splitlines() if len(line) > 80] == []
