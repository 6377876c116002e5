"""The records that the store keeps and returns, in one module for each collection. Owns no behaviour.

The records that clients see have camelCase field names once they are encoded: the contract's shapes. Times shown to
clients are RFC 3339 UTC strings with milliseconds; times that only the server compares are named `_ms`, integer
milliseconds since the epoch. Ids are opaque and contain no `/`; the id of a message is `<room id>-<seq>`
(docs/decisions/0001).
"""

from __future__ import annotations

from store.models.files import (
    File,
    FileDraft,
)
from store.models.messages import (
    REACTION_KINDS_MAX,
    REACTION_USERS_NAMED,
    REPLACED_TEXTS_KEPT,
    ROOM_MENTION,
    Change,
    ChangePage,
    Message,
    MessageChange,
    MessageDraft,
    MessageHistory,
    MessagePage,
    MessageSearch,
    Reaction,
    Refusal,
    ReplacedText,
    SearchHit,
    Stored,
)
from store.models.moderation import (
    AUDIT_KEEP_MS,
    AUDIT_MAX,
    AuditAction,
    AuditDetails,
    AuditEntry,
    AuditNote,
)
from store.models.people import (
    BLOCKS_MAX,
    KNOWN_ADDRESS_KEEP_MS,
    KNOWN_ADDRESSES_MAX,
    SESSIONS_LISTED_MAX,
    SETTINGS_MAX_BYTES,
    Account,
    ProfileChange,
    Session,
    SettingsChange,
    Status,
    User,
)
from store.models.rooms import (
    Actor,
    Head,
    Member,
    Membership,
    MembershipChange,
    ReadState,
    Role,
    Room,
    RoomDraft,
    RoomStats,
    Standing,
    read_state,
)

__all__ = [
    "AUDIT_KEEP_MS",
    "AUDIT_MAX",
    "BLOCKS_MAX",
    "KNOWN_ADDRESSES_MAX",
    "KNOWN_ADDRESS_KEEP_MS",
    "REACTION_KINDS_MAX",
    "REACTION_USERS_NAMED",
    "REPLACED_TEXTS_KEPT",
    "ROOM_MENTION",
    "SESSIONS_LISTED_MAX",
    "SETTINGS_MAX_BYTES",
    "Account",
    "Actor",
    "AuditAction",
    "AuditDetails",
    "AuditEntry",
    "AuditNote",
    "Change",
    "ChangePage",
    "File",
    "FileDraft",
    "Head",
    "Member",
    "Membership",
    "MembershipChange",
    "Message",
    "MessageChange",
    "MessageDraft",
    "MessageHistory",
    "MessagePage",
    "MessageSearch",
    "ProfileChange",
    "Reaction",
    "ReadState",
    "Refusal",
    "ReplacedText",
    "Role",
    "Room",
    "RoomDraft",
    "RoomStats",
    "SearchHit",
    "Session",
    "SettingsChange",
    "Standing",
    "Status",
    "Stored",
    "User",
    "read_state",
]
