"""The authorization matrix: a row an operation, with who gets which outcome. The rules are the contract's.

Whoever adds a route or a command adds its row here; tests/integration/test_authorization.py fails without.
"""

from __future__ import annotations

from tests.support.authorization.operation import Of, Operation, anywhere, in_room, on_file, on_message
from tests.support.authorization.outcomes import (
    EVERYBODY,
    LOGGED_IN,
    MODERATE,
    NO_SESSION,
    OPERATE,
    OWN,
    PARTICIPATE,
    PLAIN,
    READ,
    WRITE,
    Who,
    outcomes,
)
from tests.support.client import PASSWORD

LOGGED_IN_OR_BOT = outcomes(LOGGED_IN, ok=[Who.BOT])
SEE = LOGGED_IN_OR_BOT  # a public room is seen by all; of a private one strangers are told nothing
JOIN = outcomes(LOGGED_IN, banned=[Who.BANNED])
# Who invites, or makes invite links (an administrator too): all members in a public room, moderators in a private one
INVITE = outcomes(PARTICIPATE, ok=[Who.ADMIN])
NOT_IN_PRIVATE = dict.fromkeys((*PLAIN, Who.MUTED), "forbidden")
NO_MEMBER = {Who.ADMIN: "room_not_found"}  # an administrator enters a private room by invitation too
# An author who may write, or a moderator
EDIT = outcomes(WRITE, forbidden=[Who.MEMBER, Who.BOT], ok=[Who.ADMIN])
DELETE = outcomes(EDIT, forbidden=[Who.MUTED])
# Who wrote a message before they were muted or banned
WRITERS = (Who.MUTED, Who.BANNED, Who.BOT, Who.MEMBER, Who.MODERATOR, Who.OWNER)
READ_FILE = outcomes(LOGGED_IN_OR_BOT, file_not_found=[Who.STRANGER, Who.BANNED, Who.ADMIN])
FUTURE = "2099-01-01T00:00:00.000Z"

OPEN_TO_ALL = (
    anywhere("GET /", EVERYBODY),
    anywhere("GET /dashboard", EVERYBODY),
    anywhere("GET /static/{name}", EVERYBODY, ids=("asset",)),
    anywhere("GET /docs", EVERYBODY),
    anywhere("GET /service-worker.js", EVERYBODY),
    anywhere("GET /manifest.webmanifest", EVERYBODY),
    anywhere("GET /openapi.json", EVERYBODY),
    anywhere("GET /asyncapi.json", EVERYBODY),
    anywhere("GET /health", EVERYBODY),
    anywhere("GET /health/ready", EVERYBODY),
    anywhere(
        "POST /auth/register",
        EVERYBODY,
        {"username": Of("new_name"), "email": Of("new_email"), "password": PASSWORD},
    ),
    anywhere("POST /auth/login", EVERYBODY, {"username": Of("member_name"), "password": PASSWORD}),
    anywhere(
        "POST /auth/refresh",
        outcomes(EVERYBODY, unauthorized=[*NO_SESSION, Who.BOT]),
        {"refreshToken": Of("own_refresh_token")},
    ),
)
OPERATORS = tuple(
    anywhere(f"GET {path}", OPERATE, query=query)
    for path, query in (
        ("/health/performance", {}),
        ("/health/database", {}),
        ("/health/cache", {}),
        ("/metrics", {}),
        ("/metrics/performance", {}),
        ("/metrics/database", {}),
        ("/metrics/websocket", {}),
        ("/metrics/cache", {}),
        ("/metrics/history", {"metric": "cpu"}),
        ("/metrics/alerts", {}),
        ("/metrics/snapshot", {"minutes": "5"}),
    )
)
PEOPLE = (
    anywhere("GET /auth/profile", LOGGED_IN_OR_BOT),
    anywhere("POST /auth/logout", LOGGED_IN, spends="session"),
    anywhere(
        "POST /auth/password",
        LOGGED_IN,
        {"oldPassword": PASSWORD, "newPassword": "another battery staple"},
        spends="session",
    ),
    anywhere("GET /auth/sessions", LOGGED_IN),
    anywhere("DELETE /auth/sessions/{id}", LOGGED_IN, ids=("own_session",), spends="session"),
    anywhere("GET /users", LOGGED_IN, query={"q": "a"}),
    anywhere("GET /users/{id}", LOGGED_IN, ids=("member",)),
    anywhere("GET /users/me", LOGGED_IN_OR_BOT),
    anywhere("PATCH /users/me", LOGGED_IN, {"customStatus": "here"}),
    anywhere("DELETE /users/me", LOGGED_IN, {"password": PASSWORD}, spends="session"),
    anywhere("PUT /users/me/avatar", LOGGED_IN, is_upload=True),
    anywhere("DELETE /users/me/avatar", LOGGED_IN),
    anywhere("GET /users/me/settings", LOGGED_IN),
    anywhere("PATCH /users/me/settings", LOGGED_IN, {"theme": "dark"}),
    anywhere("GET /users/me/blocks", LOGGED_IN),
    anywhere("PUT /users/me/blocks/{id}", LOGGED_IN, ids=("newcomer",)),
    anywhere("DELETE /users/me/blocks/{id}", LOGGED_IN, ids=("newcomer",)),
    anywhere("GET /users/me/export", LOGGED_IN),
)
ROOMS = (
    anywhere("POST /rooms", LOGGED_IN, {"name": "A room"}),
    anywhere("POST /rooms/direct", LOGGED_IN, {"userId": Of("member")}),
    anywhere("GET /rooms", LOGGED_IN_OR_BOT),
    in_room("GET /rooms/{id}", SEE),
    in_room("PATCH /rooms/{id}", MODERATE, {"name": "Renamed"}),
    in_room("DELETE /rooms/{id}", OWN, spends="room"),
    in_room("POST /rooms/{id}/join", JOIN, spends="absence", in_private=NO_MEMBER),
    in_room("POST /rooms/{id}/leave", PARTICIPATE, spends="membership"),
    in_room("GET /rooms/{id}/members", READ),
    in_room("POST /rooms/{id}/members", INVITE, {"userId": Of("newcomer")}, in_private=NOT_IN_PRIVATE),
    in_room("PATCH /rooms/{id}/members/{id} (role)", OWN, {"role": "moderator"}, ids="room target", spends="role"),
    in_room("PATCH /rooms/{id}/members/{id} (mute)", MODERATE, {"mutedUntil": FUTURE}, ids="room target"),
    in_room("DELETE /rooms/{id}/members/{id}", MODERATE, ids="room target", spends="target"),
    in_room("GET /rooms/{id}/stats", SEE, in_private=NO_MEMBER),
    in_room("GET /rooms/{id}/changes", READ),
    in_room("POST /rooms/{id}/invites", INVITE, {}, in_private=NOT_IN_PRIVATE),
    in_room("GET /rooms/{id}/invites", INVITE),
    in_room(
        "DELETE /rooms/{id}/invites/{id}",
        MODERATE,
        ids="room invite",
        spends="invite",
    ),
    # Who has a link of a private room knows of it, so that the banned are told why they do not enter.
    in_room("POST /invites/{id}", JOIN, ids="invite", spends="absence", in_private=JOIN),
)
MODERATION = (
    in_room("POST /rooms/{id}/bans/{id}", MODERATE, {"reason": "noise"}, ids="room target", spends="target"),
    in_room("DELETE /rooms/{id}/bans/{id}", MODERATE, ids="room banned", spends="ban"),
    in_room("GET /rooms/{id}/bans", MODERATE),
    in_room("GET /rooms/{id}/audit", MODERATE),
    in_room("GET /rooms/{id}/reports", MODERATE),
    on_message("POST /messages/{id}/report", PARTICIPATE, {"reason": "rude"}),
)
MESSAGES = (
    in_room("POST /messages", WRITE, {"roomId": Of("room"), "content": "hello"}),
    in_room("GET /messages", READ, query={"roomId": Of("room")}),
    on_message("GET /messages/{id}", READ),
    on_message("PATCH /messages/{id}", EDIT, {"content": "changed"}),
    on_message("PATCH /messages/{id} (one's own)", WRITE, {"content": "changed"}, ids="own_message", people=WRITERS),
    on_message("DELETE /messages/{id}", DELETE, spends="message"),
    on_message("DELETE /messages/{id} (one's own)", READ, ids="own_message", people=WRITERS, spends="own_message"),
    on_message("GET /messages/{id}/history", DELETE),
    on_message("GET /messages/{id}/thread", READ),
    on_message("PUT /messages/{id}/reactions/{id}", WRITE, ids="message emoji"),
    on_message("DELETE /messages/{id}/reactions/{id}", READ, ids="message emoji"),
    anywhere("GET /messages/search", LOGGED_IN_OR_BOT, query={"q": "hello"}),
    in_room("GET /messages/search (in a room)", READ, query={"q": "hello", "roomId": Of("room")}),
    anywhere("GET /messages/search/suggest", LOGGED_IN, query={"q": "he"}),
)
BOTS = (
    in_room("POST /rooms/{id}/webhooks", MODERATE, {"name": "A hook"}),
    in_room("GET /rooms/{id}/webhooks", MODERATE),
    in_room("DELETE /rooms/{id}/webhooks/{id}", MODERATE, ids="room webhook", spends="webhook"),
    in_room("POST /hooks/{id}", EVERYBODY, {"text": "it is done"}, ids="hook_token", in_private=EVERYBODY),
    in_room("POST /rooms/{id}/bots", MODERATE, {"username": Of("new_name")}),
    in_room("GET /rooms/{id}/bots", MODERATE),
    in_room("DELETE /rooms/{id}/bots/{id}", MODERATE, ids="room other_bot", spends="other_bot"),
)
FILES = (
    anywhere("POST /files", LOGGED_IN_OR_BOT, is_upload=True),
    on_file("GET /files/{id}", READ_FILE),
    on_file("GET /files/{id}/thumbnail", READ_FILE),
)
IN_ROOM = {"roomId": Of("room")}
MESSAGE = {"messageId": Of("message")}
OWN_MESSAGE = {"messageId": Of("own_message")}
COMMANDS = (
    anywhere("GET /ws", outcomes(LOGGED_IN_OR_BOT, ok=[Who.ANONYMOUS])),
    anywhere("ws authenticate", LOGGED_IN_OR_BOT, {"token": Of("own_token")}),
    anywhere("ws heartbeat", LOGGED_IN_OR_BOT, {}),
    anywhere("ws updatePresence", LOGGED_IN_OR_BOT, {"status": "away"}),
    in_room("ws joinRoom", outcomes(JOIN, ok=[Who.BOT]), IN_ROOM, spends="absence", in_private=NO_MEMBER),
    in_room("ws leaveRoom", LOGGED_IN_OR_BOT, IN_ROOM, in_private=LOGGED_IN_OR_BOT),
    in_room("ws sendMessage", WRITE, {**IN_ROOM, "content": "hello"}),
    in_room("ws startTyping", WRITE, IN_ROOM),
    in_room("ws stopTyping", READ, IN_ROOM),
    in_room("ws messageRead", READ, {**IN_ROOM, "seq": 1}),
    in_room("ws getPresence", READ, IN_ROOM),
    in_room("ws getRoomStats", SEE, IN_ROOM, in_private=NO_MEMBER),
    on_message("ws editMessage", EDIT, {**MESSAGE, "content": "changed"}),
    on_message("ws editMessage (one's own)", WRITE, {**OWN_MESSAGE, "content": "changed"}, people=WRITERS),
    on_message("ws deleteMessage", DELETE, MESSAGE, spends="message"),
    on_message("ws deleteMessage (one's own)", READ, OWN_MESSAGE, people=WRITERS, spends="own_message"),
    on_message("ws addReaction", WRITE, {**MESSAGE, "emoji": "👍"}),
    on_message("ws removeReaction", READ, {**MESSAGE, "emoji": "👍"}),
)
OPERATIONS: tuple[Operation, ...] = (
    *OPEN_TO_ALL,
    *OPERATORS,
    *PEOPLE,
    *ROOMS,
    *MODERATION,
    *MESSAGES,
    *BOTS,
    *FILES,
    *COMMANDS,
)
