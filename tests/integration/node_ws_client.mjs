// Run by test_websocket_endpoint.py: Node's `ws` against a real server. Sends texts, pings in between, and prints one JSON line.
import { createRequire } from "node:module";

const [modules, url, token, roomId, compress] = process.argv.slice(2);
const { WebSocket } = createRequire(`${modules}/`)("ws");
const socket = new WebSocket(url, ["chat.v1", `bearer.${token}`], { perMessageDeflate: compress === "deflate" });
const texts = ["plain", "üñï 😀", "x".repeat(2000)];
const said = { received: [], acked: 0, pong: null, protocol: null, extensions: null, code: null };
const deadline = setTimeout(() => process.exit(1), 20_000);

socket.on("open", () => {
  Object.assign(said, { protocol: socket.protocol, extensions: socket.extensions });
  socket.send(JSON.stringify({ event: "joinRoom", id: "join", data: { roomId } }));
  texts.forEach((content, index) =>
    socket.send(JSON.stringify({ event: "sendMessage", id: `m${index}`, data: { roomId, content } })));
});
socket.on("pong", (data) => {
  said.pong = data.toString();
  socket.close(4000, "done");
});
socket.on("message", (data) => {
  const frame = JSON.parse(data);
  if (frame.event === "ack" && frame.id.startsWith("m")) said.acked += 1;
  if (frame.event === "receiveMessage") said.received.push(frame.data.content);
  if (said.acked === texts.length && said.received.length === texts.length) socket.ping("still there?");
});
socket.on("close", (code) => {
  clearTimeout(deadline);
  console.log(JSON.stringify({ ...said, code, same: JSON.stringify(said.received) === JSON.stringify(texts) }));
});
