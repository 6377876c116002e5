"""The ids in the examples of the API documents; tests/integration/test_api_documents.py puts real ones there."""

from __future__ import annotations

from collections.abc import Mapping

# By the name of the part of a path.
PATH_EXAMPLES: Mapping[str, str] = {
    "room_id": "example-room",
    "user_id": "example-user",
    "message_id": "example-message",
    "session_id": "example-session",
    "bot_id": "example-bot",
    "webhook_id": "example-webhook",
    "file_id": "example-file",
    "code": "example-invite-code",
    "token": "example-webhook-token",
    "emoji": "\N{THUMBS UP SIGN}",
    "name": "chat.js",
}
