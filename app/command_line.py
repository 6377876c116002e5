"""The command line: which command, its operands, its flags; every failure one line and an exit code.

Knows no command itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TextIO

from app import settings
from app.settings import Kind, Settings, SettingsError
from common.hosts_and_urls import has_password
from common.startup_error import StartupError

_BAR_WIDTH = 40
_HELP = {"--help", "-h"}


class Flag(NamedTuple):
    """A flag that only one command has; `run` gets its value by its name, without the hyphens."""

    name: str
    kind: Kind
    about: str

    @property
    def keyword(self) -> str:
        return self.name.strip("-").replace("-", "_")

    def value_of(self, text: str) -> str:
        """What was given. Raises SettingsError where it is none of what the flag takes."""
        if has_password(text):
            raise SettingsError(
                f"{self.name}: a URL with a password would be seen in the list of processes; it takes one without"
            )
        try:
            return str(self.kind.parse(text))
        except ValueError as error:
            raise SettingsError(f"{self.name}: {text!r} is not valid; it takes {self.kind.takes}") from error


class Command(NamedTuple):
    """A command: `run` takes the settings, its operands in order, and its own flags by name (`--url URL` as `url=`).

    Its key in the table of commands is one word or two: `backup`, `user create`.
    """

    about: str
    run: Callable[..., int]
    operands: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def form(self) -> str:
        """Its operands and own flags, as help shows them."""
        return " ".join((*self.operands, *(f"[{flag.name} {flag.keyword.upper()}]" for flag in self.flags)))


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


def usage(commands: Mapping[str, Command], program: str) -> str:
    """What --help says."""
    forms = {f"{name} {command.form}".strip(): command.about for name, command in commands.items()}
    width = max(map(len, forms)) + 2
    rows = (f"  {form:{width}}{about}" for form, about in forms.items())
    return "\n".join([f"{program} [COMMAND] [FLAGS]", "", *rows, "", settings.help_text()])


def usage_of(name: str, command: Command, program: str) -> str:
    """What --help says after a command."""
    flags = [f"  {flag.name}, {flag.kind.takes}: {flag.about}" for flag in command.flags]
    words = " ".join((name, *command.operands))
    return "\n".join([f"{program} {words} [FLAGS]", "", f"  {command.about}", *flags, "", settings.help_text()])


def main(
    argv: Sequence[str],
    commands: Mapping[str, Command],
    *,
    program: str,
    default: str,
    validate: Callable[[Settings], None] = lambda _: None,
) -> int:
    """Run a command; returns the exit code: its own, or 1 (refused or failed), 2 (a wrong command line or setting).

    `program` is the name by which it was called, for help and for failures before a command is known. `validate` sees
    the settings before any command does, and raises SettingsError for what only a driver knows to be wrong. What
    commands make is for this user alone (umask 077).
    """
    umask = os.umask(0o077)
    name = program
    try:
        given = _split(argv)
        if given.wants_help:
            print(_help_for(given.words, commands, default, program))
            return 0
        name, operands = _named(given.words, commands, default)
        command = commands[name]
        _refuse_unknown(name, command, operands, given.flags)
        own, flags = _flags_of(command, given.flags)
        loaded = settings.load(flags, os.environ)
        validate(loaded)
        return command.run(loaded, *operands, **own)
    except SettingsError as error:
        print(_one_line(str(error)), file=sys.stderr)
        return 2
    except (StartupError, OSError) as error:
        print(_one_line(f"{name}: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 1
    finally:
        os.umask(umask)


def _one_line(text: str) -> str:
    """Whatever somebody called a flag or a file."""
    return text if text.isprintable() else "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)


class _Given(NamedTuple):
    """A command line, taken apart. A flag's value is None where none followed."""

    words: Sequence[str]
    flags: Sequence[tuple[str, str | None]]
    wants_help: bool


def _split(argv: Sequence[str]) -> _Given:
    """`--flag=value` and `--flag value` are the same, wherever they stand; after `--` there are no flags."""
    words: list[str] = []
    flags: list[tuple[str, str | None]] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if word in _HELP:
            return _Given(words, flags, True)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        flag, assigned, value = word.partition("=")
        if assigned:
            flags.append((flag, value))
        elif not flag.startswith("--"):
            flags.append((flag, None))  # there are no short ones: what follows is not its value
        else:
            flags.append((flag, rest.pop(0) if rest and not rest[0].startswith("--") else None))
    return _Given(words, flags, False)


def _found(words: Sequence[str], commands: Mapping[str, Command]) -> str | None:
    """The command that the first words name, if they do."""
    return next(
        (name for count in (2, 1) if (name := " ".join(words[:count])) in commands and len(words) >= count), None
    )


def _help_for(words: Sequence[str], commands: Mapping[str, Command], default: str, program: str) -> str:
    name = _found(words, commands)
    return usage(commands, program) if name is None or name == default else usage_of(name, commands[name], program)


def _named(words: Sequence[str], commands: Mapping[str, Command], default: str) -> tuple[str, Sequence[str]]:
    """The command's name, and its operands. Raises SettingsError where there is no such command."""
    if not words:
        words = [default]
    name = _found(words, commands)
    if name is None:
        seconds = [command.partition(" ")[2] for command in commands if command.startswith(f"{words[0]} ")]
        if seconds:
            raise SettingsError(f"{words[0]}: takes {_either(seconds)}")
        raise SettingsError(f"{words[0]}: no such command; there are {', '.join(commands)}")
    return name, words[len(name.split()) :]


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _refuse_unknown(
    name: str, command: Command, operands: Sequence[str], given: Sequence[tuple[str, str | None]]
) -> None:
    """Raises SettingsError for a flag that there is not, and for operands too few or too many."""
    known = {*settings.FLAGS, *(flag.name for flag in command.flags)}
    for flag, _ in given:
        if flag not in known:
            raise SettingsError(f"{flag}: no such flag of {name}; --help lists them")
    if len(operands) != len(command.operands):
        takes = " ".join(command.operands) or f"no operands, not {operands[0]!r}"
        raise SettingsError(f"{name}: takes {takes}")


def _flags_of(command: Command, given: Sequence[tuple[str, str | None]]) -> tuple[dict[str, str], list[str]]:
    """The command's own flags by name, and the flags that are settings. Raises SettingsError."""
    own_flags = {flag.name: flag for flag in command.flags}
    own: dict[str, str] = {}
    others: list[str] = []
    for flag, value in given:
        if value is None:
            raise SettingsError(f"{flag}: takes a value")
        if mine := own_flags.get(flag):
            own[mine.keyword] = mine.value_of(value)
        else:
            others.append(f"{flag}={value}")
    return own, others
