// A room on the `ws` package of Node.js: a message of a connection goes to all connections. Nothing is stored.
//
//     node ws_server.mjs PORT          (NODE_PATH names the folder of packages)
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096, perMessageDeflate: false });

server.on("connection", (connection) => {
    connection.on("message", (text) => {
        for (const other of server.clients) {
            other.send(text, { binary: false });
        }
    });
    connection.on("error", () => connection.terminate());
});
