"""The command line: which command, its operands, its flags; every failure is one line and an exit code.

Knows no command itself; flags.py parses the flags, help_text.py writes the help.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from app import settings
from app.commands import flags, help_text
from app.commands.command import Command
from app.commands.flags import ParsedLine
from app.settings import Settings, SettingsError
from app.version import VERSION
from common.startup_error import StartupError


def main(
    argv: Sequence[str],
    commands: Mapping[str, Command],
    *,
    program: str,
    default: str,
    validate: Callable[[Settings], None] = lambda _: None,
) -> int:
    """Run a command; returns the exit code: its own, or 1 (refused or failed), 2 (a wrong command line or setting).

    `program` is the name by which it was called, for help and for failures before a command is known. `default` is the
    command of a line that names none. `validate` checks the settings before any command runs; it raises SettingsError
    for values that only a driver can judge. The umask is 077 while a command runs: only this user can read its files.
    """
    umask = os.umask(0o077)
    name = program
    try:
        # Of a flag that several commands have one suffices: they take the same kind of value
        own_flags = list({flag.name: flag for command in commands.values() for flag in command.flags}.values())
        line = flags.parse(argv, own_flags)
        if line.wants_help or line.wants_version:
            _print(_help_for(line.words, commands, default, program) if line.wants_help else f"{program} {VERSION}")
            return 0
        words = line.words or [default]
        _refuse_unknown_flags(line, _find(words, commands), [*flags.NAMES, *(flag.name for flag in own_flags)])
        name, operands = _command_of(words, commands)
        command = commands[name]
        own = _own_values(name, command, line.own)
        _require_operands(name, command, operands)
        if command.names_program:
            own["program"] = program
        loaded = settings.load(line.settings, os.environ)
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


def _print(text: str) -> None:
    """Print a text that a reader such as `head` may not read to its end."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit


def _help_for(words: Sequence[str], commands: Mapping[str, Command], default: str, program: str) -> str:
    name = _find(words, commands)
    return (
        help_text.usage(commands, program)
        if name is None or name == default
        else help_text.usage_of(name, commands[name], program)
    )


def _find(words: Sequence[str], commands: Mapping[str, Command]) -> str | None:
    """The command that the first two words name, or the first alone; None: there is no such command."""
    return next((name for count in (2, 1) if (name := " ".join(words[:count])) in commands), None)


def _command_of(words: Sequence[str], commands: Mapping[str, Command]) -> tuple[str, Sequence[str]]:
    """The command's name, and its operands. Raises SettingsError where there is no such command."""
    name = _find(words, commands)
    if name is None:
        seconds = [command.partition(" ")[2] for command in commands if command.startswith(f"{words[0]} ")]
        if seconds:
            raise SettingsError(f"{words[0]}: takes {_either(seconds)}")
        raise SettingsError(f"{words[0]}: no such command; {_command_meant(words, commands)}")
    return name, words[len(name.split()) :]


def _command_meant(words: Sequence[str], commands: Mapping[str, Command]) -> str:
    """What to type instead: the command whose name is like the first word or two, else the list of all."""
    near = [*get_close_matches(" ".join(words[:2]), commands, 1), *get_close_matches(words[0], commands, 1)]
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(commands)}"


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _refuse_unknown_flags(line: ParsedLine, name: str | None, known: Sequence[str]) -> None:
    """Raises SettingsError for a flag that no command has.

    This comes before the command is looked up: a word after such a flag may be its value.
    """
    for flag in line.unknown_flags:
        meant = next((f"did you mean {one}?" for one in get_close_matches(flag, known, 1)), "--help lists them")
        raise SettingsError(f"{flag}: no such flag{f' of {name}' if name else ''}; {meant}")


def _own_values(name: str, command: Command, given: Mapping[str, str]) -> dict[str, str]:
    """The values of the command's own flags, by keyword. Raises SettingsError for a flag of another command."""
    keywords = {flag.name: flag.keyword for flag in command.flags}
    for flag in given:
        if flag not in keywords:
            raise SettingsError(f"{flag}: no such flag of {name}; --help lists them")
    return {keywords[flag]: value for flag, value in given.items()}


def _require_operands(name: str, command: Command, operands: Sequence[str]) -> None:
    """Raises SettingsError for too few or too many operands."""
    if len(operands) != len(command.operands):
        takes = " ".join(operand.name for operand in command.operands) or f"no operands, not {operands[0]!r}"
        raise SettingsError(f"{name}: takes {takes}")


def _one_line(text: str) -> str:
    """The text with everything escaped that does not print: flags and file names may hold line ends."""
    return text if text.isprintable() else "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)
