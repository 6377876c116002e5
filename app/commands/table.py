"""The table of commands, and `main`, which runs one of them."""

from __future__ import annotations

from collections.abc import Sequence

from app.commands import backup, check, command_line, demo, migrate, serve, users
from app.commands.command_line import Command
from app.composition import cluster, storage
from app.settings import Settings

COMMANDS = {
    "serve": Command("run one process (the default)", serve.serve, names_program=True),
    "check": Command("check this configuration, and with --url a running server", check.check, flags=(check.URL,)),
    "demo": Command(
        "fill an empty DATA_DIR with sample people, rooms and conversations", demo.demo, names_program=True
    ),
    "backup": Command("write a consistent copy of DATA_DIR, also under load", backup.backup, operands=("FILE",)),
    "migrate": Command("move DATA_DIR to MONGO_URI; cut off, it goes on where it was", migrate.migrate),
    "restore": Command("unpack such a copy into an empty DATA_DIR", backup.restore, operands=("FILE",)),
    "user create": Command(
        "make an account; its password is asked for, or a line of stdin", users.create, ("NAME", "EMAIL")
    ),
    "user password": Command("set another password and end all sessions", users.password, ("NAME",)),
    "user disable": Command("let somebody in no more; open connections are closed", users.disable, ("NAME",)),
    "user enable": Command("let somebody in again", users.enable, ("NAME",)),
}


def validate(settings: Settings) -> None:
    """Raises SettingsError for values that only the modules which use them can judge."""
    storage.validate(settings)
    cluster.validate(settings)


def main(argv: Sequence[str], *, program: str) -> int:
    """Run a command; returns the exit code. `program` is the name by which this was called."""
    return command_line.main(argv, COMMANDS, program=program, default="serve", validate=validate)
