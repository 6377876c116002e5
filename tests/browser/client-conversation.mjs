// Run by test_client_library.py: the client library in Node against a real server. Prints one JSON line.
import { ChatClient } from "../../web/client/chat-client.js";

const [baseUrl, name] = process.argv.slice(2);
const deadline = setTimeout(() => process.exit(1), 20_000);

/** Resolves at the first event of the client after which `condition` holds. */
function until(chat, condition) {
  return new Promise((resolve) => {
    const check = () => condition() && resolve();
    for (const event of ["state", "list", "messages", "people", "outbox"]) chat.addEventListener(event, check);
    check();
  });
}

async function client(suffix) {
  const chat = new ChatClient({ baseUrl });
  await chat.register({
    username: name + suffix,
    email: `${name}${suffix}@example.test`,
    password: "correct horse battery",
  });
  await until(chat, () => chat.link.isOnline && chat.rooms.isListed);
  return chat;
}

const [ann, bob] = [await client("a"), await client("b")];
const room = await ann.createRoom({ name: "Kitchen" });
await ann.open(room.id);
await bob.join(room.id);
await bob.open(room.id);
const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`);
for (const text of texts) ann.send(room.id, text);
const held = (chat) => chat.rooms.get(room.id).timeline.messages;
await Promise.all([ann, bob].map((chat) => until(chat, () => held(chat).length >= texts.length)));
await until(ann, () => ann.unsent(room.id).length === 0);
const unread = bob.rooms.get(room.id).unread;
bob.read(room.id, held(bob).at(-1).seq);
console.log(
  JSON.stringify({
    ann: held(ann).map(({ content }) => content),
    bob: held(bob).map(({ content }) => content),
    seqs: held(bob).map(({ seq }) => seq),
    unread: [unread, bob.rooms.get(room.id).unread],
  }),
);
await ann.logout();
await bob.logout();
clearTimeout(deadline);
process.exit(0);
