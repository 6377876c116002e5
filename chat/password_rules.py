"""Which texts are one password, and which may not be set. Pure: knows no hash and no account.

RFC 8265's OpaqueString (section 4.2): spaces of any kind are one space, NFC, nothing folded, no controls, not empty.
What its base class bars besides (characters that this Python's Unicode does not know yet, joiners outside of their
scripts) is let through: whether an emoji may be in a password must not depend on the version of Python that checks it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from importlib.resources import files

from chat.text_rules import SHRINKS_AT_MOST

MIN_CHARS, MAX_CHARS = 8, 128


def opaque_string(text: str) -> str:
    """The form in which a password is hashed and compared. Raises ValueError for what cannot be one."""
    if not text or any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("takes no control characters, and is not empty")
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


def forms_of(text: str) -> tuple[str, ...]:
    """What to compare of a password that somebody gives:
    its OpaqueString, and as it was sent, for hashes made of that.
    """
    if len(text) > SHRINKS_AT_MOST * MAX_CHARS:
        return (text,)
    try:
        opaque = opaque_string(text)
    except ValueError:
        return (text,)
    return (opaque,) if opaque == text else (opaque, text)


def new_password(text: str) -> str:
    """A password that is to be set, as it is hashed. Raises ValueError with what is wrong with it."""
    opaque = opaque_string(text) if len(text) <= SHRINKS_AT_MOST * MAX_CHARS else ""
    if not MIN_CHARS <= len(opaque) <= MAX_CHARS:
        raise ValueError(f"takes {MIN_CHARS} to {MAX_CHARS} characters")
    if opaque.casefold() in COMMON:
        raise ValueError("is one of the commonest passwords, which are tried first; choose another")
    return opaque


def _common(text: str) -> Iterator[str]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif not line.startswith("# "):
            lines += line.split()
    yield from sections["whole"]
    for word in sections["words"]:
        yield word
        yield word * 2
        yield from (word + ending for ending in sections["endings"])


COMMON = frozenset(
    unicodedata.normalize("NFC", password).casefold()
    for password in _common(files(__package__).joinpath("common_passwords.txt").read_text(encoding="utf-8"))
    if len(password) >= MIN_CHARS
)
