// A room on Socket.IO: a message of a connection goes to all connections, over WebSocket alone. Nothing is stored.
//
//     node socket_io_server.mjs PORT          (NODE_PATH names the folder of packages)
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const { Server } = require("socket.io");

const http = createServer();
const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

server.on("connection", (connection) => {
    connection.join("room");
    connection.on("message", (text) => server.to("room").emit("message", text));
});

http.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
