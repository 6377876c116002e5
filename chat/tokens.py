"""Access tokens (JWT, RFC 7519, one algorithm) and refresh tokens. Pure: no store, `now_ms` is passed in."""

from __future__ import annotations

import base64
import hashlib
import hmac

import jwt
from msgspec import Struct

from chat.errors import ChatError
from common.text_numbers import whole_number
from store.models import Session

ALGORITHM = "HS256"  # fixed: a token never chooses how it is checked (RFC 8725 section 3.1)


class Claims(Struct, frozen=True):
    """What a good access token says."""

    user_id: str
    session_id: str
    expires_at_ms: int


class RefreshToken(Struct, frozen=True):
    """A good refresh token: the login it belongs to and its number in that family."""

    session_id: str
    generation: int


class Tokens:
    """Makes tokens with `secret`; those made with `previous` still verify, for a rotation of the secret without
    logouts.
    """

    def __init__(self, *, secret: str, previous: str | None, expires_in_s: int) -> None:
        self._secret = secret
        self._secrets = [secret, *([previous] if previous else [])]
        self.expires_in_s = expires_in_s

    def access(self, session: Session, *, now_ms: int, until_ms: int | None = None) -> str:
        """Return an access token for a session, which ends `until_ms`."""
        issued = now_ms // 1000
        expires = issued + self.lifetime_s(now_ms=now_ms, until_ms=until_ms)
        claims = {"sub": session.user_id, "sid": session.id, "iat": issued, "exp": expires}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def lifetime_s(self, *, now_ms: int, until_ms: int | None) -> int:
        """How long an access token made now is good, where its session ends `until_ms`."""
        if until_ms is None:
            return self.expires_in_s
        return max(0, min(self.expires_in_s, until_ms // 1000 - now_ms // 1000))

    def verify(self, token: str, *, now_ms: int) -> Claims:
        """Raises ChatError: token_expired, or unauthorized for whatever else is wrong with it."""
        for secret in self._secrets:
            try:
                claims = jwt.decode(
                    token,
                    secret,
                    algorithms=[ALGORITHM],
                    options={"require": ["sub", "sid", "exp"], "verify_exp": False, "verify_iat": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError) as error:
                raise ChatError("unauthorized") from error
            subject, session_id, expires = claims["sub"], claims["sid"], claims["exp"]
            if not (isinstance(session_id, str) and isinstance(expires, int)):
                raise ChatError("unauthorized")
            if expires * 1000 <= now_ms:
                raise ChatError("token_expired")
            return Claims(subject, session_id, expires * 1000)
        raise ChatError("unauthorized")

    def refresh(self, session: Session) -> str:
        """The session's present refresh token: derived, so that the same replacement can be given twice and none is
        stored.
        """
        return f"{session.id}.{session.generation}.{_seal(self._secret, session.id, session.generation)}"

    def verify_refresh(self, token: str) -> RefreshToken:
        """Raises ChatError unauthorized."""
        session_id, _, rest = token.partition(".")
        number, _, seal = rest.partition(".")
        try:
            generation = whole_number(number)
        except ValueError as error:
            raise ChatError("unauthorized") from error
        if not seal.isascii():  # compare_digest takes no other text
            raise ChatError("unauthorized")
        if any(hmac.compare_digest(seal, _seal(secret, session_id, generation)) for secret in self._secrets):
            return RefreshToken(session_id, generation)
        raise ChatError("unauthorized")


def _seal(secret: str, session_id: str, generation: int) -> str:
    digest = hmac.digest(secret.encode(), f"refresh:{session_id}:{generation}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
