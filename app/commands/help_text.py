"""What --help prints: of all commands, or of one. Lines end at 80 columns. Knows no command itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from app.commands.command import Command
from app.settings import TABLE, Variable

WIDTH = 80
EXIT_2 = "2 a wrong command line or setting: nothing was begun"
# The headings of the settings, by the first part of a variable's place
HEADINGS = {
    "server": "Server",
    "mongo": "MongoDB",
    "store": "Store",
    "redis": "Redis",
    "cache": "Cache",
    "limits": "Limits",
    "policies": "Limits by operation",
    "ws": "WebSocket",
    "monitor": "Monitoring and alerts",
    "auth": "Accounts and tokens",
    "files": "Files",
    "log": "Log",
}
FILES = (
    "<NAME>_FILE names a file that holds the value. A secret has no flag: it would be seen in the list of processes."
)


def usage(commands: Mapping[str, Command], program: str) -> str:
    """The help of the program: all commands and all settings."""
    lines = [
        f"{program} [COMMAND] [FLAGS]",
        "",
        *_wrapped(
            "Flags stand anywhere, as --port 8001 or --port=8001, and a flag wins over its variable. After -- there "
            "are only operands."
        ),
        "",
        "Commands",
    ]
    for name, command in commands.items():
        lines += _entry(f"{name} {command.form}".strip(), command.about)
    lines += ["", f"{program} COMMAND --help is about one command.", f"{program} --version prints the version.", ""]
    return "\n".join([*lines, *_settings(TABLE), "", *_wrapped(FILES)])


def usage_of(name: str, command: Command, program: str) -> str:
    """The help of one command: its operands, flags, exit codes, an example, and the settings that it reads."""
    lines = [f"{program} {name} {command.form}".strip() + " [FLAGS]", "", *_wrapped(_sentence(command.about))]
    if command.details:
        lines += ["", *_wrapped(command.details)]
    if command.operands or command.flags:
        lines += ["", "Operands and flags"]
        for operand in command.operands:
            lines += _entry(operand.name, operand.about)
        for flag in command.flags:
            lines += _entry(f"{flag.name} {flag.keyword.upper()}", f"{flag.about}; takes {flag.kind.takes}")
    lines += ["", "Exit codes", *(f"  {one}" for one in (*command.exits, EXIT_2))]
    if command.example:
        lines += ["", "Example", f"  {program} {command.example}"]
    read = [one for one in TABLE if command.variables is None or one.name in command.variables]
    lines += ["", *_settings(read)]
    if len(read) < len(TABLE):
        lines += ["", f"{program} --help lists all commands and settings."]
    return "\n".join(lines)


def _settings(variables: Iterable[Variable]) -> Iterator[str]:
    """The settings under their headings: flag, variables, unit and default, and below them what they are."""
    yield "Settings: flag, variable [unit] (default)"
    heading = None
    for variable in variables:
        group = HEADINGS[variable.place.partition(".")[0]]
        if group != heading:
            heading = group
            yield ""
            yield heading
        yield from _setting(variable)


def _setting(variable: Variable) -> Iterator[str]:
    unit = f" [{variable.unit}]" if variable.unit else ""
    names = ", ".join((*([variable.flag] if variable.ways.by_flag else []), *variable.variables))
    yield from _wrapped(f"{names}{unit} ({variable.default or 'unset'})", indent=2, following=6)
    yield from _wrapped(f"{variable.about}; takes {variable.kind.takes}", indent=6)


def _entry(what: str, about: str) -> Iterator[str]:
    yield f"  {what}"
    yield from _wrapped(about, indent=6)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _wrapped(text: str, *, indent: int = 0, following: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if following is None else following),
        break_on_hyphens=False,
        break_long_words=False,
    )
