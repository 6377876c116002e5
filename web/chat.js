/**
 * The client library at the URL that programs import: `<server>/static/chat.js`. The relative imports of the library
 * need the URLs of its own folder, so this file only exports it.
 */

export * from "./client/chat-client.js";
