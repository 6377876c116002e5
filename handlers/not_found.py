"""The replies to paths that have no route."""

from __future__ import annotations

from chat.errors import ChatError
from handlers.base import Handler


class NotFound(Handler[None]):
    """Answers 404, whatever the method."""

    is_public = True

    async def prepare(self) -> None:
        await super().prepare()
        if self.request.method != "OPTIONS":
            raise ChatError("not_found")

    def _is_implemented_method(self) -> bool:
        return True


class NotFoundForOperators(NotFound):
    """The same below an operators' path, where others are refused before they learn which paths exist."""

    is_public = False
    is_for_operators = True


class SecretNotFound(NotFound):
    """The same below a path that ends in a secret: what has no route may hold one too, as where a slash follows it."""

    has_secret_path = True
