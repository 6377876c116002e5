"""Accounts that only an operator can make: those whose names a setting lists."""

from __future__ import annotations

from tests.support.client import PASSWORD, Person, call
from tests.support.in_process_commands import command_here
from tests.support.server import ServerProcess


def log_in(url: str, username: str, password: str = PASSWORD) -> Person:
    reply = call(url, "POST", "/auth/login", {"username": username, "password": password})
    assert reply.status == 200, reply.body
    return Person(url, reply.json["user"], reply.json["accessToken"], reply.json["refreshToken"])


def make(server: ServerProcess, username: str) -> Person:
    """Make an account by command, and log in to it."""
    run = command_here("user", "create", username, f"{username}@example.com", env=server.env, stdin=f"{PASSWORD}\n")
    assert run.returncode == 0, run.stderr
    return log_in(server.url, username)
