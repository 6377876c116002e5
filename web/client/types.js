/**
 * The shapes of docs/protocol.md and of the library's own entries and events, as types for editors and for
 * `tsc --checkJs`. Nothing here runs, and no module imports it.
 *
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string} displayName
 * @property {string | null} avatarUrl
 * @property {string | null} textColor
 * @property {string | null} backgroundColor
 * @property {"online" | "away" | "busy" | "offline"} status
 * @property {string | null} customStatus
 * @property {string} createdAt
 * @property {string} [email] Only of oneself.
 *
 * @typedef {object} Room
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {boolean} isPrivate
 * @property {"room" | "direct"} kind
 * @property {string} ownerId
 * @property {number} maxUsers
 * @property {number} memberCount
 * @property {number} onlineCount
 * @property {number} slowModeS
 * @property {string | null} archivedAt
 * @property {string} createdAt
 * @property {number} lastSeq
 * @property {number} rev
 * @property {"owner" | "moderator" | "member"} [role] This and the following to members alone.
 * @property {number} [readSeq]
 * @property {number} [unreadCount]
 * @property {number} [mentionCount]
 * @property {string | null} [mutedUntil]
 * @property {User} [peer] The other person of a direct room.
 *
 * @typedef {object} Member
 * @property {string} userId
 * @property {string} username
 * @property {string} displayName
 * @property {"owner" | "moderator" | "member"} role
 * @property {boolean} online
 *
 * @typedef {object} StoredFile
 * @property {string} id
 * @property {string} url A path; see `ChatClient.fileUrl`.
 * @property {string} name
 * @property {number} size In bytes.
 * @property {string} mimeType
 * @property {string} sha256
 * @property {number | null} width
 * @property {number | null} height
 * @property {string | null} thumbnailUrl
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} roomId
 * @property {number} seq
 * @property {number} rev
 * @property {string} userId
 * @property {string} username
 * @property {"text" | "system"} type
 * @property {string | null} content Null after it was deleted.
 * @property {string} clientId
 * @property {string | null} replyToId
 * @property {string | null} threadId
 * @property {StoredFile[]} attachments
 * @property {string[]} mentions User ids, or `room`.
 * @property {Record<string, {count: number, userIds: string[]}>} reactions
 * @property {string} createdAt
 * @property {string | null} editedAt
 * @property {string | null} deletedAt
 * @property {"edit" | "remove" | "reaction"} [pending] Of what is shown and not confirmed by the server yet.
 *
 * @typedef {object} RoomsSnapshot
 * @property {Room[]} rooms
 * @property {{roomId: string, head: number, rev: number, messages: Message[]}[]} timelines Of the rooms that were
 *   opened last, the latest first: at most 30, with their newest messages, at most 50.
 *
 * @typedef {{version: number, user: User, settings: object | null, blocks: string[]} & RoomsSnapshot} Snapshot
 *
 * @typedef {object} OutboxEntry
 * @property {string} clientId
 * @property {string} roomId
 * @property {string} content
 * @property {string[]} mentions
 * @property {StoredFile[]} attachments
 * @property {string | null} replyToId
 * @property {string | null} threadId
 * @property {number} createdAt Ms since the epoch.
 * @property {"waiting" | "sending" | "sent" | "failed"} state
 * @property {{code: string, text: string, until?: number} | null} error
 *
 * @typedef {object} SendFields
 * @property {string[]} [mentions]
 * @property {StoredFile[]} [attachments]
 * @property {string | null} [replyToId]
 * @property {string | null} [threadId]
 *
 * @typedef {object} UploadOptions
 * @property {string} [name] What others see. Default: the File's.
 * @property {(progress: {sent: number, total: number}) => void} [onProgress]
 * @property {AbortSignal | null} [signal]
 *
 * @typedef {{blob: Blob, url: string, revoke: () => void}} FetchedFile
 */

export {};
