"""/docs: every operation, command, event and record is on the page, can be found, linked to, and read by all."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_accessibility import PHONE, findings
from tests.support.client import call
from tests.support.server import ServerProcess

NewContext = Callable[..., BrowserContext]


def open_docs(server: ServerProcess, context: BrowserContext, fragment: str = "") -> tuple[Page, list[str]]:
    """The page once it shows all, and what goes wrong in it."""
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{server.url}/docs{fragment}")
    expect(page.locator("#record-Message")).to_be_attached()
    return page, wrong


def test_all_that_the_documents_name_is_on_the_page(server: ServerProcess, new_context: NewContext) -> None:
    page, wrong = open_docs(server, new_context())
    rest = call(server.url, "GET", "/openapi.json").json
    socket = call(server.url, "GET", "/asyncapi.json").json
    ids = {operation["operationId"] for methods in rest["paths"].values() for operation in methods.values()}
    kinds = {"receive": "command", "send": "event"}
    ids |= {f"{kinds[operation['action']]}-{name}" for name, operation in socket["operations"].items()}
    ids |= {f"close-{one['code']}" for one in socket["channels"]["socket"]["x-close-codes"]}
    ids |= {f"record-{name}" for document in (rest, socket) for name in document["components"]["schemas"]}
    shown = page.locator(".docs-entry").evaluate_all("nodes => nodes.map(node => node.id)")
    assert sorted(shown) == sorted([*ids, "event-error"])
    linked = page.locator("#contents a").evaluate_all("nodes => nodes.map(node => node.getAttribute('href').slice(1))")
    assert sorted(linked) == sorted(shown)
    dead = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash).filter(h => !document.querySelector(h))"
    )
    assert dead == []
    assert wrong == []


def test_a_search_finds_paths_fields_and_codes_and_a_link_opens_its_entry(
    server: ServerProcess, new_context: NewContext
) -> None:
    page, wrong = open_docs(server, new_context(), "#put_messages_messageId_reactions_emoji")
    entry = page.locator("#put_messages_messageId_reactions_emoji")
    expect(entry).to_have_attribute("open", "")
    expect(entry.locator("pre")).to_contain_text("curl -X PUT")
    expect(entry).to_be_in_viewport()
    for query, found in (
        ("reactions put", "put_messages_messageId_reactions_emoji"),
        ("slowModeS", "patch_rooms_roomId"),
        ("username_taken", "post_auth_register"),
        ("startTyping", "command-startTyping"),
        ("4413", "close-4413"),
    ):
        page.locator("#search").fill(query)
        expect(page.locator(f"#{found}")).to_be_visible()
        expect(page.locator("#get_health")).to_be_hidden()
    page.locator("#search").fill("zzz")
    expect(page.locator("#found")).to_have_text("0 entries")
    page.evaluate("location.hash = '#record-User'")
    expect(page.locator("#record-User")).to_have_attribute("open", "")
    expect(page.locator("#record-User")).to_be_in_viewport()
    page.evaluate("location.hash = '#%'")
    page.locator("#search").fill("zzz")
    expect(page.locator("#found")).to_have_text("0 entries")
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(
    server: ServerProcess, new_context: NewContext, scheme: str, size: dict[str, object]
) -> None:
    page, _ = open_docs(server, new_context(color_scheme=scheme, **size))
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(
        "document.querySelectorAll('.docs-entry').forEach((one, number) => { if (number % 8) one.remove(); })"
    )  # axe takes a minute for all of them, and they are alike
    assert findings(page) == []


def test_the_examples_are_commands_that_work_as_they_stand(server: ServerProcess, new_context: NewContext) -> None:
    page, _ = open_docs(server, new_context())

    def run(operation: str, token: str = "") -> dict[str, Any]:
        shown = page.locator(f"#{operation} pre").text_content()
        assert shown is not None
        done = subprocess.run(
            ["bash", "-c", shown], env={"PATH": os.environ["PATH"], "TOKEN": token}, capture_output=True, check=True
        )
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply

    token = run("post_auth_register")["accessToken"]
    assert run("post_rooms", token)["room"]["name"] == "Gardening"
    assert [room["name"] for room in run("get_rooms", token)["rooms"]] == ["Gardening"]
    assert run("patch_users_me", token)["user"]["customStatus"] == "in a meeting"
    assert run("get_health")["status"] == "ok"
