"""What a command is, and what its help says: one record for each row of the table."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from app.commands.flags import Flag


class Operand(Struct, frozen=True):
    """A word after the command, in its order."""

    name: str
    about: str


class Command(Struct, frozen=True):
    """A command: `run` takes the settings, its operands in order, and its own flags by name (`--url URL` as `url=`).

    Its key in the table of commands is one word or two: `backup`, `user create`. With `names_program` it also gets
    `program=`, the name by which this was called, for what it says of other commands.

    `about` is one line. The rest is for its help: `details` are sentences; `exits` says what the exit codes mean, but
    for 2; `example` is what to type after the program's name; `variables` are the settings that it reads, and None is
    all.
    """

    about: str
    run: Callable[..., int]
    operands: tuple[Operand, ...] = ()
    flags: tuple[Flag, ...] = ()
    names_program: bool = False
    details: str = ""
    exits: tuple[str, ...] = ("0 done", "1 refused or failed, with one line")
    example: str = ""
    variables: tuple[str, ...] | None = None

    @property
    def form(self) -> str:
        """Its operands and own flags, as help shows them."""
        operands = (operand.name for operand in self.operands)
        return " ".join((*operands, *(f"[{flag.name} {flag.keyword.upper()}]" for flag in self.flags)))
