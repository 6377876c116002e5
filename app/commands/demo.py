"""`server.py demo`: fills an empty store with sample people, rooms and conversations."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shlex
import signal
import sys
from pathlib import Path

from app import settings as settings_module
from app.commands.progress_bar import ProgressBar
from app.composition.storage import build_storage
from app.demo import filling
from app.demo.cast import BOT, HERO, TEAM
from app.demo.filling import DAYS, Made, State
from app.settings import Settings
from chat.errors import ChatError
from common.hosts_and_urls import local_url
from common.startup_error import StartupError
from monitor import log_setup
from monitor.observer import Observer
from store.errors import StoreError

_DATA_DIR = str(settings_module.load({}, {}).server.data_dir)
ROOT = Path(__file__).resolve().parents[2]
BOT_FILE = "demo-bot.env"
PASSWORD_BYTES = 10


def demo(settings: Settings, *, program: str) -> int:
    """Fill the store and say what to do next; returns 0, also where a run before this one filled it.

    Raises StartupError with one line where the store holds anything else, or a server runs on it.
    """
    log_setup.set_up(log_format=settings.log.format, level="error")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also says what it leaves
    alone = filling.alone(settings)
    where = "the database" if settings.mongo.uri is not None else f"DATA_DIR {settings.server.data_dir}"
    bar = ProgressBar(sys.stderr)

    async def run() -> str:
        async with build_storage(alone, Observer()) as storage:
            state = await filling.state_of(storage.store)
        if state is State.FILLED:
            return _there_already(where, " ".join((program, "user password", HERO, *_flags(settings))))
        if state is not State.EMPTY:
            raise StartupError(_REFUSALS[state].format(where=where))
        password = _new_password()
        try:
            made = await filling.fill(alone, password, report=bar.show)
        finally:
            bar.end()
        file = settings.server.data_dir / BOT_FILE
        _write_bot_file(file, settings, made)
        return _summary(where, file, settings, made, password, program)

    try:
        print(asyncio.run(run()))
    except (StoreError, ChatError) as error:
        raise StartupError(f"cut off ({error}): empty {where}, and run it again") from error
    return 0


_REFUSALS = {
    State.OTHERS: "{where} holds accounts already, and the sample goes into an empty one: "
    "name another with --data-dir, like --data-dir ./demo",
    State.CUT_OFF: "{where} holds a part of the sample, for an earlier run was cut off: empty it, and run this again",
}


def _new_password() -> str:
    """A random password of 80 bits, in groups that can be typed."""
    text = base64.b32encode(secrets.token_bytes(PASSWORD_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _write_bot_file(file: Path, settings: Settings, made: Made) -> None:
    """Write the bot's token as variables for a shell, for this user alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = {
        "CHAT_URL": local_url(settings.server.host, settings.server.port),
        "CHAT_TOKEN": made.bot_token,
        "CHAT_ROOM": made.bot_room_id,
    }
    text = "".join(f"export {name}={value}\n" for name, value in lines.items())
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        output.write(text)


def _there_already(where: str, new_password: str) -> str:
    return (
        f"The sample is in {where} already; nothing was changed.\n"
        f"Log in as {HERO}; another password is set by: {new_password}"
    )


def _flags(settings: Settings) -> list[str]:
    """What a later command needs in order to find this store."""
    data_dir = str(settings.server.data_dir)
    return [] if settings.mongo.uri is not None or data_dir == _DATA_DIR else ["--data-dir", shlex.quote(data_dir)]


def _bot_program() -> str:
    """How the bot's program is started from here; it comes with a checkout, and is not installed."""
    example = ROOT / "examples" / "echo_bot.py"
    if not example.exists():
        return "python examples/echo_bot.py, of a checkout"
    return " ".join(shlex.quote(_from_here(path)) for path in (Path(sys.executable), example))


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _summary(where: str, file: Path, settings: Settings, made: Made, password: str, program: str) -> str:
    others = ", ".join(name for name in TEAM if name != HERO)
    url = local_url(settings.server.host, settings.server.port)
    serve = " ".join((program, "serve", *_flags(settings)))
    return f"""\
Made in {where}: {made.people} people, {made.rooms} rooms, {made.messages:,} messages of {DAYS} days.

  log in as   {HERO}
  password    {password}     shown once; it is also that of {others}

Next:         {serve}
              and open {url}
The bot:      {BOT} waits in the room "Bot playground"; start its program beside the server,
              and it answers to !echo: . {shlex.quote(str(file))} && {_bot_program()}
These accounts are samples: keep them off a server that others can reach."""
