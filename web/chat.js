/** The client library under the address that programs import: `<server>/static/chat.js`. */

export * from "./client/chat.js";
