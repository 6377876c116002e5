"""The cookie by which a browser reads files where a page names them, as in `<img>`: it sends no Authorization there.

It is good for GET and HEAD of files alone, and a page of another site does not get it sent (SameSite).
"""

from __future__ import annotations

from tornado.web import RequestHandler

from chat.logins import FileKey

NAME = "chat_files"
SECURE_NAME = "__Host-chat_files"  # a name that neither another host nor plain HTTP can set (RFC 6265bis)

_LONG_AGO_S = 1.0  # by the wall clock; Tornado leaves out a Max-Age of 0


def set_file_cookie(reply: RequestHandler, key: FileKey, *, is_https: bool) -> None:
    """Let the browser read files while the session stands."""
    reply.set_cookie(
        SECURE_NAME if is_https else NAME,
        key.text,
        path="/",
        max_age=key.lifetime_s,
        httponly=True,
        samesite="Strict",
        secure=is_https,
    )


def clear_file_cookie(reply: RequestHandler) -> None:
    """Have the browser forget the cookie, however it was set."""
    for name in (NAME, SECURE_NAME):
        is_secure = name == SECURE_NAME
        reply.set_cookie(name, "", path="/", expires=_LONG_AGO_S, httponly=True, samesite="Strict", secure=is_secure)


def file_cookie(request: RequestHandler) -> str | None:
    """The cookie's text; None where there is none."""
    return request.get_cookie(SECURE_NAME) or request.get_cookie(NAME)
