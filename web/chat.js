/**
 * The client library at the URL that programs import: `<server>/static/chat.js`. The server makes one file of
 * it and all that it imports (handlers/assets/module_bundle.py), so that other sites load it with one request.
 */

export * from "./client/chat-client.js";
