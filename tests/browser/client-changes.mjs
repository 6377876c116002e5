// Run by test_client_library.py: changed messages, mentions and settings, between the client library in Node and a real
// server. Prints one JSON line.
import { ChatClient } from "../../web/client/chat-client.js";
import { memoryStorage } from "../../web/client/storage.js";

const [baseUrl, name] = process.argv.slice(2);
const deadline = setTimeout(() => process.exit(1), 20_000);

/** Resolves at the first event of the client after which `condition` holds. */
function until(chat, condition) {
  return new Promise((resolve) => {
    const check = () => condition() && resolve();
    for (const event of ["state", "list", "messages", "outbox", "settings"]) chat.addEventListener(event, check);
    check();
  });
}

const isReady = (chat) => until(chat, () => chat.connection.isOnline && chat.rooms.isListed);

async function client(suffix) {
  const chat = new ChatClient({ baseUrl, storage: memoryStorage() });
  const password = "correct horse battery";
  const username = name + suffix;
  await chat.register({ username, email: `${username}@example.test`, password });
  await isReady(chat);
  return { chat, login: { username, password } };
}

const [{ chat: ann }, { chat: bob, login }] = [await client("a"), await client("b")];
const room = await ann.createRoom({ name: "Kitchen" });
await ann.open(room.id);
await bob.join(room.id);
await bob.open(room.id);
const held = (chat) => chat.rooms.get(room.id).timeline.messages;
ann.send(room.id, "first");
ann.send(room.id, "second");
ann.send(room.id, "all!", { mentions: ["room"] });
await until(bob, () => held(bob).length === 3 && bob.rooms.get(room.id).mentions === 1);
await until(ann, () => held(ann).length === 3);

const [first, second] = held(ann);
await ann.api.messages.edit(first.id, "first, edited");
await bob.api.messages.react(first.id, "👍");
await ann.api.messages.delete(second.id);
for (const chat of [ann, bob]) {
  await until(chat, () => {
    const [one, two] = held(chat);
    return one.reactions["👍"]?.count === 1 && two.deletedAt;
  });
}
await ann.api.messages.delete(held(ann)[2].id);
await until(bob, () => bob.rooms.get(room.id).mentions === 0);

const phone = new ChatClient({ baseUrl, storage: memoryStorage() });
await phone.login(login);
await isReady(phone);
await phone.settings.load();
await bob.settings.change({ theme: "dark" });
await until(phone, () => phone.settings.value.theme === "dark");
bob.read(room.id, 3);
await until(phone, () => phone.rooms.get(room.id).unread === 0);

console.log(
  JSON.stringify({
    shown: [ann, bob].map((chat) => held(chat).map(({ content }) => content)),
    isSame: JSON.stringify(held(ann)) === JSON.stringify(held(bob)),
    found: (await bob.api.messages.search("edited")).messages.map(({ id }) => id),
    first: first.id,
  }),
);
for (const chat of [ann, bob, phone]) await chat.logout();
clearTimeout(deadline);
process.exit(0);
