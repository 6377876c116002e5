"""The flags of a command line, parsed by argparse: those of the settings, and those that only one command has.

Knows no command. What argparse refuses raises SettingsError.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from msgspec import Struct

from app.settings import TABLE, SettingsError, ValueKind, Variable
from common.hosts_and_urls import has_password

_HELP = "help"
_VERSION = "version"
# Those that every command has
NAMES = ("--help", "--version", *(variable.flag for variable in TABLE if variable.ways.by_flag))


class Flag(Struct, frozen=True):
    """A flag that only one command has; the command gets its value by `keyword`."""

    name: str
    kind: ValueKind
    about: str

    @property
    def keyword(self) -> str:
        """Its name as Python spells it: without the leading hyphens, and with underscores."""
        return self.name.strip("-").replace("-", "_")


class ParsedLine(Struct, frozen=True):
    """A command line, taken apart. Values of flags are texts."""

    words: Sequence[str]  # the command and its operands, in order
    unknown_flags: Sequence[str]  # without their values, which may be secrets
    settings: Mapping[str, str]  # by the name of the variable
    own: Mapping[str, str]  # the commands' own flags, by their name (`--url`)
    wants_help: bool
    wants_version: bool


class _Parser(argparse.ArgumentParser):
    """Raises SettingsError where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(message.removeprefix("argument "))


def parse(argv: Sequence[str], own_flags: Iterable[Flag] = ()) -> ParsedLine:
    """Split a command line into words and flags; `own_flags` are those of all commands.

    Flags stand anywhere before `--`, as `--flag value` or `--flag=value`; the last of two wins. A value that begins
    with a hyphen takes the second form. Raises SettingsError for a flag without a value, or with a value that it does
    not take.
    """
    before, after = _split_at_double_hyphen(argv)
    found, rest = _parser(own_flags).parse_known_args(before)
    given: dict[str, str] = vars(found)
    wants_help, wants_version = (given.pop(name, None) is not None for name in (_HELP, _VERSION))
    variables = {variable.name for variable in TABLE}
    return ParsedLine(
        words=[*(word for word in rest if not _is_flag(word)), *after],
        unknown_flags=[word.partition("=")[0] for word in rest if _is_flag(word)],
        settings={name: text for name, text in given.items() if name in variables},
        own={name: text for name, text in given.items() if name not in variables},
        wants_help=wants_help,
        wants_version=wants_version,
    )


def _parser(own_flags: Iterable[Flag]) -> _Parser:
    """It has no positionals: words are what it leaves over, for a command may stand between flags."""
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", dest=_HELP, action="store_true")
    parser.add_argument("--version", dest=_VERSION, action="store_true")
    for variable in TABLE:
        parser.add_argument(variable.flag, dest=variable.name, type=_accept_setting(variable))
    for flag in own_flags:
        parser.add_argument(flag.name, dest=flag.name, type=_accept_own(flag))
    return parser


def _accept_setting(variable: Variable) -> Callable[[str], str]:
    instead = f"would be seen in the list of processes; it takes {' or '.join(variable.variables)}"

    def accept(text: str) -> str:
        if not variable.ways.by_flag:
            raise argparse.ArgumentTypeError(f"there is no such flag, for it {instead}")
        if has_password(text):
            raise argparse.ArgumentTypeError(f"a URL with a password {instead}")
        return text

    return accept


def _accept_own(flag: Flag) -> Callable[[str], str]:
    def accept(text: str) -> str:
        if has_password(text):
            raise argparse.ArgumentTypeError(
                "a URL with a password would be seen in the list of processes; it takes one without"
            )
        try:
            return str(flag.kind.parse(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not valid; it takes {flag.kind.takes}") from error

    return accept


def _split_at_double_hyphen(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands before the first `--`, and what after it; argparse's own treatment differs between its versions."""
    end = argv.index("--") if "--" in argv else len(argv)
    return argv[:end], argv[end + 1 :]


def _is_flag(word: str) -> bool:
    return word.startswith("-") and word != "-"
