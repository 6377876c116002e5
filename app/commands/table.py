"""The table of commands, and `main`, which runs one of them."""

from __future__ import annotations

from collections.abc import Sequence

from app.commands import backup, check, command_line, demo, migrate, serve, top, users
from app.commands.command import Command, Operand
from app.composition import cluster, storage
from app.settings import TABLE, Settings

MONGO = tuple(variable.name for variable in TABLE if variable.place.startswith("mongo."))
STORE = ("DATA_DIR", *MONGO, "JWT_SECRET", "REDIS_HOST", "REDIS_URL")
NAME = Operand("NAME", "the user name, in any case")
PASSWORD = (
    "The password is asked for twice on a terminal; else it is a line of standard input. A server may run on the same "
    "store meanwhile."
)

COMMANDS = {
    "serve": Command(
        "run one process (the default)",
        serve.serve,
        names_program=True,
        exits=("0 stopped by SIGTERM or SIGINT", "1 refused, failed, or stopped at once by a second signal"),
    ),
    "check": Command(
        "check this configuration, and with --url a running server",
        check.check,
        flags=(check.URL,),
        details="It prints a line for each item and changes nothing: settings, store, indexes, Redis, alerts, disk, "
        "descriptors; with --url also that the server answers and its WebSocket opens, perhaps through a proxy.",
        exits=("0 all items passed", "1 an item failed"),
        example="check --url http://127.0.0.1:8000",
    ),
    "top": Command(
        "show the figures of a running server in the terminal",
        top.top,
        flags=(top.URL,),
        names_program=True,
        details="It shows those of the dashboard, of all processes that are one server, every two seconds until q or "
        "Ctrl+C; where the output is no terminal, once. NO_COLOR leaves colours out. From an address that is not in "
        "METRICS_ALLOW the variable CHAT_TOKEN has an access token of somebody whom ADMIN_USERS names.",
        exits=("0 ended, or printed once", "1 the server refuses, or does not answer when asked once"),
        example="top --url http://127.0.0.1:8000",
        variables=("HOST", "PORT"),
    ),
    "demo": Command(
        "fill an empty DATA_DIR with sample people, rooms and conversations",
        demo.demo,
        names_program=True,
        details="It takes some seconds, and prints a password to log in with as amara. It refuses a store that "
        "holds any account, or on which a server runs. DATA_DIR/demo-bot.env has the token of the sample's bot.",
        exits=("0 filled, or it was already", "1 refused or failed: nothing of others was changed"),
        example="demo --data-dir ./demo",
        variables=STORE,
    ),
    "backup": Command(
        "write a consistent copy of DATA_DIR, also under load",
        backup.backup,
        operands=(Operand("FILE", "the copy, a tar; it is written whole or not at all"),),
        details="A server may run on DATA_DIR meanwhile: the copy holds every message that was acknowledged before. "
        "MongoDB has backups of its own (mongodump).",
        example="backup /backups/chat-2026-01-31.tar",
        variables=("DATA_DIR",),
    ),
    "restore": Command(
        "unpack such a copy into an empty DATA_DIR",
        backup.restore,
        operands=(Operand("FILE", "what `backup` wrote"),),
        example="restore /backups/chat-2026-01-31.tar --data-dir ./data",
        variables=("DATA_DIR",),
    ),
    "migrate": Command(
        "copy DATA_DIR to MONGO_URI; cut off, it goes on where it was",
        migrate.migrate,
        details="No server may run on either. The database must be empty, or hold what a run that was cut off left. In "
        "the end both sides are read and compared.",
        example="migrate --mongo-uri mongodb://127.0.0.1/",
        variables=("DATA_DIR", *MONGO, "JWT_SECRET"),
    ),
    "user create": Command(
        "make an account",
        users.create,
        operands=(Operand("NAME", "the user name: 3 to 32 letters, digits, _, -, ."), Operand("EMAIL", "its address")),
        details=PASSWORD + " Names that ADMIN_USERS or the whitelist lists can be made by this command alone.",
        example="user create ada ada@example.com",
        variables=STORE,
    ),
    "user password": Command(
        "set another password and end all sessions",
        users.password,
        operands=(NAME,),
        details=PASSWORD,
        example="user password ada",
        variables=STORE,
    ),
    "user disable": Command(
        "let somebody in no more; open connections are closed",
        users.disable,
        operands=(NAME,),
        example="user disable ada",
        variables=STORE,
    ),
    "user enable": Command(
        "let somebody in again", users.enable, operands=(NAME,), example="user enable ada", variables=STORE
    ),
}


def validate(settings: Settings) -> None:
    """Raises SettingsError for values that only the modules which use them can judge."""
    storage.validate(settings)
    cluster.validate(settings)


def main(argv: Sequence[str], *, program: str) -> int:
    """Run a command; returns the exit code. `program` is the name by which this was called."""
    return command_line.main(argv, COMMANDS, program=program, default="serve", validate=validate)
