"""The command line: which command, its operands, its flags; every failure one line and an exit code. Knows no command itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TextIO

import settings
from settings import SettingsError
from store.errors import StartRefused

_BAR_WIDTH = 40


class Command(NamedTuple):
    """A command: `run` takes the settings, its operands in order, and its own flags (`--url URL` as `url=`)."""

    about: str
    run: Callable[..., int]
    operands: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """Its operands and own flags, as help shows them."""
        return " ".join((*self.operands, *(f"[{flag} {flag.strip('-').upper()}]" for flag in self.flags)))


class Bar:
    """A progress bar on one line of a terminal; elsewhere a line for each thing that is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def show(self, what: str, done: int, total: int) -> None:
        share = min(1.0, done / total) if total else 1.0
        if self._is_terminal:
            full = int(share * _BAR_WIDTH)
            bar = "#" * full + "." * (_BAR_WIDTH - full)
            self._stream.write(f"\r\x1b[2K{what:22} [{bar}] {done:,} of {total:,}")
            self._stream.flush()
        elif share == 1.0:
            self._stream.write(f"{what}: {done:,} of {total:,}\n")

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self._is_terminal:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def usage(commands: Mapping[str, Command]) -> str:
    """What --help says."""
    forms = {f"{name} {command.form}".strip(): command.about for name, command in commands.items()}
    width = max(map(len, forms)) + 2
    return "\n".join(
        ["server.py [COMMAND] [FLAGS]", "", *(f"  {form:{width}}{about}" for form, about in forms.items()), "", settings.help_text()]
    )


def main(argv: Sequence[str], commands: Mapping[str, Command], *, default: str) -> int:
    """Run a command; returns the exit code: its own, or 1 (refused or failed), 2 (a wrong command line or setting)."""
    if {"--help", "-h"} & set(argv):
        print(usage(commands))
        return 0
    name, *rest = argv if argv and not argv[0].startswith("-") else [default, *argv]
    try:
        command, operands, own, flags = _parsed(name, rest, commands)
        return command.run(settings.load(flags, os.environ), *operands, **own)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (StartRefused, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


def _parsed(
    name: str, rest: Sequence[str], commands: Mapping[str, Command]
) -> tuple[Command, Sequence[str], dict[str, str], Sequence[str]]:
    """The command, its operands, its own flags, and the flags that are settings."""
    command = commands.get(name)
    if command is None:
        raise SettingsError(f"{name}: no such command; there are {', '.join(commands)}")
    wanted = len(command.operands)
    operands, flags = rest[:wanted], list(rest[wanted:])
    if len(operands) < wanted or any(operand.startswith("-") for operand in operands):
        raise SettingsError(f"{name}: takes {command.form}")
    own = {}
    for flag in command.flags:
        if flag in flags:
            at = flags.index(flag)
            if at + 1 == len(flags):
                raise SettingsError(f"{flag}: takes a value")
            own[flag.strip("-")] = flags[at + 1]
            del flags[at : at + 2]
    return command, operands, own, flags
