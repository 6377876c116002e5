"""Makes the pictures of docs/pictures: the pages at three widths, light and dark, and the first minute of a new user as
frames. `make pictures`; whoever changes a page looks at them. The sample has names in many scripts: Debian's
fonts-noto-cjk, fonts-noto-color-emoji and fonts-lohit-deva have them all.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.chromium import chromium
from tests.browser.person import Person
from tests.support.server import ServerProcess, serving

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
HERO = "amara"  # of the sample
SIZES = {360: 740, 768: 1024, 1440: 900}
SCHEMES = ("light", "dark")
PHONE_MAX = 760
QUALITY = 72
# The address of some thread of the user's rooms.
FIND_THREAD = """async () => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const read = async (path) => (await fetch(path, { headers: { Authorization: `Bearer ${accessToken}` } })).json();
    for (const { id } of (await read("/rooms?mine=true")).rooms) {
        const { messages } = await read(`/messages?roomId=${id}&limit=100`);
        const reply = messages.find(({ threadId }) => threadId);
        if (reply) return `room=${id}&panel=thread&id=${reply.threadId}`;
    }
}"""
SETTLED_MS = 700  # after motion (120 ms) and lazily loaded pictures


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        password = _fill(Path(folder) / "sample")
        with serving(Path(folder) / "sample", {"MONITOR_INTERVAL": "1"}) as server:
            for width, height in SIZES.items():
                for scheme in SCHEMES:
                    _take_views(browser, server, password, width, height, scheme)
        with serving(Path(folder) / "new") as server:
            _film(browser, server)


def _fill(data_dir: Path) -> str:
    """Make the sample; returns the password of its people."""
    command = [sys.executable, "server.py", "demo", "--data-dir", str(data_dir)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = re.search(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", told)
    assert found, told
    return found.group()


# ---- the pages -------------------------------------------------------------------------------------------------------


def _take_views(browser: Browser, server: ServerProcess, password: str, width: int, height: int, scheme: str) -> None:
    with _visitor(browser, width, height, scheme) as visitor:
        page = visitor.new_page()
        dashboard = visitor.new_page()
        dashboard.goto(f"{server.url}/dashboard")

        def take(name: str, of: Page = page) -> None:
            _save(of, PICTURES / f"{name}-{width}-{scheme}.webp")

        page.goto(server.url)
        expect(page.get_by_role("form", name="Log in")).to_be_visible()
        take("login")
        hero = Person(page, url=server.url, name=HERO)
        hero.fill_login(HERO, password)
        hero.expect_online()
        take("rooms")
        for name, show in VIEWS.items():
            show(hero)
            take(name)
            page.keyboard.press("Escape")
        take("dashboard", dashboard)


def _open_room(hero: Person) -> None:
    hero.page.evaluate("() => { location.hash = ''; }")
    hero.room_button("General").click()
    expect(hero.heading).to_have_text("General")
    hero.expect_in_room()


def _with_panel(panel: str) -> Callable[[Person], None]:
    def show(hero: Person) -> None:
        _open_room(hero)
        hero.page.evaluate("panel => { location.hash += `&panel=${panel}`; }", panel)
        expect(hero.panel).to_be_visible()

    return show


def _thread(hero: Person) -> None:
    _open_room(hero)
    address = hero.page.evaluate(FIND_THREAD)
    hero.page.evaluate("address => { location.hash = address; }", address)
    expect(hero.panel).to_be_visible()


def _switcher(hero: Person) -> None:
    _open_room(hero)
    hero.page.keyboard.press("Control+k")
    expect(hero.dialog).to_be_visible()


def _preferences(hero: Person) -> None:
    hero.page.evaluate("() => { location.hash = ''; }")
    hero.choose(hero.own_line, "Preferences")
    expect(hero.dialog).to_be_visible()


VIEWS: dict[str, Callable[[Person], None]] = {
    "room": _open_room,
    "thread": _thread,
    "search": _with_panel("search"),
    "people": _with_panel("people"),
    "files": _with_panel("files"),
    "switcher": _switcher,
    "preferences": _preferences,
}


# ---- the first minute ------------------------------------------------------------------------------------------------


def _film(browser: Browser, server: ServerProcess) -> None:
    """A new user from the form to a conversation."""
    with _visitor(browser, 1024, 640, "light") as visitor, _visitor(browser, 1024, 640, "light") as other:
        page = visitor.new_page()
        frames = iter(range(1, 100))

        def take(what: str) -> None:
            _save(page, PICTURES / f"first-minute-{next(frames):02}-{what}.webp")

        ada = Person(page, url=server.url, name="ada")
        page.goto(server.url)
        take("form")
        ada.register()
        take("welcome")
        ada.choose(page.get_by_role("button", name="Add a room"), "New room")
        ada.dialog.get_by_label("Name").fill("Harbour")
        take("new-room")
        ada.dialog.get_by_role("button", name="Make room").click()
        expect(ada.heading).to_have_text("Harbour")
        take("room")
        ada.composer.fill("Good morning! **Tide tables** are in https://example.com/tides :wave:")
        take("typing")
        ada.composer.press("Enter")
        ada.expect_message("Good morning")
        take("sent")
        bob = Person(other.new_page(), url=server.url, name="bob").open_with_session()
        bob.join_room("Harbour")
        bob.send_message("Morning, @ada! Is berth 4 free at noon?")
        ada.expect_message("berth 4")
        take("answer")
        ada.message("berth 4").hover()
        take("actions")
        ada.message("berth 4").get_by_role("button", name="Reply in a thread").click()
        expect(ada.panel).to_be_visible()
        ada.panel.get_by_role("textbox").fill("From 11:30 on.")
        ada.panel.get_by_role("textbox").press("Enter")
        expect(ada.panel.locator('[data-state="stored"]', has_text="From 11:30")).to_be_visible()
        take("thread")
        page.keyboard.press("Control+k")
        expect(ada.dialog).to_be_visible()
        take("switcher")


# ---- pictures --------------------------------------------------------------------------------------------------------


@contextmanager
def _visitor(browser: Browser, width: int, height: int, scheme: str) -> Iterator[BrowserContext]:
    is_phone = width < PHONE_MAX
    visitor = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-GB",
        has_touch=is_phone,
        is_mobile=is_phone,
        service_workers="block",
    )
    yield visitor
    visitor.close()


def _save(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLED_MS)
    with Image.open(io.BytesIO(page.screenshot())) as taken:
        taken.convert("RGB").save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
