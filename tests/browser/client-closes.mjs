// Run by test_client_library.py: uploads by fetch, and closes the clients without logging out. Nothing may keep Node
// alive then: no timer, no socket. With a third argument the WebSocket is that of the package `ws` in this folder. Prints
// one JSON line.
import { createRequire } from "node:module";

import { ChatClient } from "../../web/client/chat-client.js";
import { memoryStorage } from "../../web/client/storage.js";

const [baseUrl, name, packages] = process.argv.slice(2);
const WebSocket = packages && createRequire(`${packages}/`)("ws").WebSocket;
process.on("unhandledRejection", (reason) => {
  console.error(reason);
  process.exit(1);
});

/** Resolves at the first event of the client after which `condition` holds. */
function until(chat, condition) {
  return new Promise((resolve) => {
    const check = () => condition() && resolve();
    for (const event of ["state", "list", "messages", "outbox"]) chat.addEventListener(event, check);
    check();
  });
}

const storage = memoryStorage();
const chat = new ChatClient({ baseUrl, storage, WebSocket });
await chat.register({ username: name, email: `${name}@example.test`, password: "correct horse battery" });
await until(chat, () => chat.connection.isOnline && chat.rooms.isListed);
const room = await chat.createRoom({ name: "Kitchen" });
await chat.open(room.id);
const progress = [];
const file = await chat.upload(new File(["hello"], "a.txt"), { onProgress: (one) => progress.push(one) });
chat.send(room.id, "Look", { attachments: [file] });
await until(chat, () => chat.rooms.get(room.id).timeline.messages.length === 1);
const [message] = chat.rooms.get(room.id).timeline.messages;
const { blob, revoke } = await chat.fetchFile(message.attachments[0]);
chat.presence.typing(room.id);
chat.send(room.id, "on its way");
chat.close();

const again = new ChatClient({ baseUrl, storage, WebSocket });
const isResumed = await again.resume();
again.close(); // before it is connected
revoke();
console.log(JSON.stringify({ name: file.name, progress, text: await blob.text(), isResumed }));
