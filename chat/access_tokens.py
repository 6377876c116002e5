"""Access tokens (JWT, RFC 7519, one algorithm), refresh tokens, and the keys by which browsers read files. Pure: no
store, `now_ms` is passed in.
"""

from __future__ import annotations

import base64
import hmac

import jwt
import msgspec
from msgspec import Struct

from chat.errors import ChatError
from common.number_parsing import whole_number
from store.models import Session

KNOWN_MAX = 1_000  # good tokens that are not verified again, some 0.5 KB each
ALGORITHM = "HS256"  # fixed: the token's own header does not choose the algorithm (RFC 8725 section 3.1)


class _OwnClaims(Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token as `Tokens.access` writes them: these and no others."""

    sub: str
    sid: str
    iat: int
    exp: int


_decode_own = msgspec.json.Decoder(_OwnClaims).decode


class Claims(Struct, frozen=True):
    """The claims of a good access token."""

    user_id: str
    session_id: str
    expires_at_ms: int


class RefreshToken(Struct, frozen=True):
    """A good refresh token: its session, and its number among the session's refresh tokens."""

    session_id: str
    generation: int


class Tokens:
    """Makes tokens with `secret`. Those made with `previous` still verify, so that the secret can be changed without
    logging users out. Access tokens are good for `expires_in_s`.
    """

    def __init__(self, *, secret: str, previous: str | None, expires_in_s: int) -> None:
        self._secret = secret
        self._secrets = [secret, *([previous] if previous else [])]
        self._own_header = jwt.encode({}, secret, algorithm=ALGORITHM).partition(".")[0]
        self._known: dict[str, Claims] = {}  # by token, which has its own seal: the first verified first
        self.expires_in_s = expires_in_s

    def access(self, session: Session, *, now_ms: int, until_ms: int | None = None) -> str:
        """Return an access token for a session that ends at `until_ms`, in milliseconds of the wall clock."""
        issued = now_ms // 1000
        expires = issued + self.lifetime_s(now_ms=now_ms, until_ms=until_ms)
        claims = {"sub": session.user_id, "sid": session.id, "iat": issued, "exp": expires}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def lifetime_s(self, *, now_ms: int, until_ms: int | None) -> int:
        """Return for how many seconds an access token made now is good, if its session ends at `until_ms`."""
        if until_ms is None:
            return self.expires_in_s
        return max(0, min(self.expires_in_s, until_ms // 1000 - now_ms // 1000))

    def verify(self, token: str, *, now_ms: int) -> Claims:
        """Return the claims of an access token. Raises ChatError token_expired, or unauthorized for any other fault."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._own_claims(token)
            if claims is None:
                claims = self._decoded_claims(token)
            else:
                self._keep(token, claims)
        if claims.expires_at_ms <= now_ms:
            raise ChatError("token_expired")
        return claims

    def _keep(self, token: str, claims: Claims) -> None:
        """Know a good token: who asks again and again has it verified once. Whether it has expired is asked anew."""
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[token] = claims

    def _own_claims(self, token: str) -> Claims | None:
        """Return the claims of a good token as `access` writes it; None where a token has to be looked at closely.

        PyJWT takes 70 µs for it, which is a third of what a connection may take; this takes 8.
        """
        signed, _, seal = token.rpartition(".")
        header, _, body = signed.partition(".")
        if header != self._own_header or not seal.isascii():
            return None
        if not any(hmac.compare_digest(seal, _mac(secret, signed)) for secret in self._secrets):
            return None
        try:
            claims = _decode_own(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except ValueError:  # of msgspec, too
            return None
        return Claims(claims.sub, claims.sid, claims.exp * 1000)

    def _decoded_claims(self, token: str) -> Claims:
        """Return the claims of a token by PyJWT, which knows all forms. Raises ChatError unauthorized."""
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
            return Claims(subject, session_id, expires * 1000)
        raise ChatError("unauthorized")

    def refresh(self, session: Session) -> str:
        """Return the session's present refresh token. It is derived from the session: none is stored, and a repeated
        refresh within the grace period returns the same one.
        """
        return f"{session.id}.{session.generation}.{_mac(self._secret, _refresh(session.id, session.generation))}"

    def verify_refresh(self, token: str) -> RefreshToken:
        """Return the parts of a refresh token. Raises ChatError unauthorized."""
        session_id, _, rest = token.partition(".")
        number, _, seal = rest.partition(".")
        try:
            generation = whole_number(number)
        except ValueError as error:
            raise ChatError("unauthorized") from error
        self._require_seal(seal, _refresh(session_id, generation))
        return RefreshToken(session_id, generation)

    def file_key(self, session_id: str) -> str:
        """Return the text by which a session's browser reads files while the session stands. It is good for nothing
        else, and derived as a refresh token is.
        """
        return f"{session_id}.{_mac(self._secret, _files(session_id))}"

    def verify_file_key(self, key: str) -> str:
        """Return the session of a file key. Raises ChatError unauthorized."""
        session_id, _, seal = key.partition(".")
        self._require_seal(seal, _files(session_id))
        return session_id

    def _require_seal(self, seal: str, sealed: str) -> None:
        if not seal.isascii():  # compare_digest raises TypeError for a text that is not ASCII
            raise ChatError("unauthorized")
        if not any(hmac.compare_digest(seal, _mac(secret, sealed)) for secret in self._secrets):
            raise ChatError("unauthorized")


def _refresh(session_id: str, generation: int) -> str:
    return f"refresh:{session_id}:{generation}"


def _files(session_id: str) -> str:
    return f"files:{session_id}"


def _mac(secret: str, text: str) -> str:
    """Return the HMAC of a text in base64url without padding, as JWS writes it (RFC 7515)."""
    digest = hmac.digest(secret.encode(), text.encode(errors="replace"), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
