"""Accounts whose names a setting lists: only an operator can create these."""

from __future__ import annotations

from tests.support.client import PASSWORD, Person, call
from tests.support.in_process_commands import run_in_process
from tests.support.server import ServerProcess


def log_in(url: str, username: str, password: str = PASSWORD) -> Person:
    reply = call(url, "POST", "/auth/login", {"username": username, "password": password})
    assert reply.status == 200, reply.body
    return Person(url, reply.json["user"], reply.json["accessToken"], reply.json["refreshToken"])


def create_account(server: ServerProcess, username: str) -> Person:
    """Create an account with `server.py user create`, and log in to it."""
    run = run_in_process("user", "create", username, f"{username}@example.com", env=server.env, stdin=f"{PASSWORD}\n")
    assert run.returncode == 0, run.stderr
    return log_in(server.url, username)
