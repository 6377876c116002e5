"""When two texts are the same password, and which passwords may be set. Pure: knows no hash and no account.

RFC 8265, section 4.2 (OpaqueString): a space of any kind becomes U+0020, the text is normalised to NFC, case stays,
control characters and the empty text are refused. Its base class also refuses characters that are unassigned in this
Python's Unicode and joiners outside of their scripts; these are accepted here, since whether a password may hold an
emoji must not depend on the version of Python.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from importlib.resources import files

from chat.text_rules import SHRINKS_AT_MOST

MIN_CHARS, MAX_CHARS = 8, 128


def opaque_string(text: str) -> str:
    """Return the form in which a password is hashed and compared. Raises ValueError for a text that cannot be one."""
    if not text or any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("takes no control characters, and is not empty")
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


def forms_of(text: str) -> tuple[str, ...]:
    """The forms of a presented password to compare: its OpaqueString, and the text as it was sent, for older hashes."""
    if len(text) > SHRINKS_AT_MOST * MAX_CHARS:
        return (text,)
    try:
        opaque = opaque_string(text)
    except ValueError:
        return (text,)
    return (opaque,) if opaque == text else (opaque, text)


def new_password(text: str) -> str:
    """Return a password that is to be set in the form that is hashed. Raises ValueError with what is wrong with it."""
    opaque = opaque_string(text) if len(text) <= SHRINKS_AT_MOST * MAX_CHARS else ""
    if not MIN_CHARS <= len(opaque) <= MAX_CHARS:
        raise ValueError(f"takes {MIN_CHARS} to {MAX_CHARS} characters")
    if opaque.casefold() in COMMON:
        raise ValueError("is one of the commonest passwords, which are tried first; choose another")
    return opaque


def _common(text: str) -> Iterator[str]:
    """Yield the passwords that the sections of common_passwords.txt stand for."""
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
