"""The opaque tokens of bots and webhooks: 256 random bits, of which the store has the SHA-256 alone. Pure.

They are not signed, so that no change of JWT_SECRET ends them; they are found by their hash, whose preimage nobody has.
"""

from __future__ import annotations

import hashlib
import secrets

BOT_PREFIX = "bot_"


def new_webhook_token() -> str:
    """A token that is one segment of a path."""
    return secrets.token_urlsafe(32)


def new_bot_token() -> str:
    """A token that a header, a subprotocol and a query can carry; no JWT begins as it does."""
    return BOT_PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """The SHA-256 of a token, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_bot_token(token: str) -> bool:
    """Whether a token says that it is a bot's; no access token of a person does."""
    return token.startswith(BOT_PREFIX)


def bot_session_id(token: str) -> str:
    """The id of the login that a bot's token is good for: who can name the token has the login."""
    return f"b{hash_of(token)}"
