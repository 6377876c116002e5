"""The servers that others use, in the order in which they are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bench.peers import installation
from bench.peers.peer import Peer
from bench.server_process import ROOT
from bench.stream_client.dialect import Dialect

_WS, _SOCKET_IO, _WEBSOCKETS = "ws@8.23.0", "socket.io@4.8.4", "websockets==17.4"
_FOLDER = ROOT / "bench" / "peers"
_ECHOED = Dialect(path="/", message='{"event":"sendMessage","data":{"roomId":"room","content":"%m"}}')
# Engine.IO's open packet begins with 0 and its ping is 2; Socket.IO's CONNECT is 40, its EVENT 42.
_SOCKET_IO_DIALECT = Dialect(
    path="/socket.io/?EIO=4&transport=websocket",
    message='42["message",{"roomId":"room","content":"%m"}]',
    replies={"0{": "40", "2": "3"},
    ready="40{",
)


class Installed(msgspec.Struct, frozen=True):
    """A peer whose packages are there, and the environment that finds them."""

    peer: Peer
    environ: Mapping[str, str]


def _node(name: str, script: str, package: str, dialect: Dialect) -> Callable[[], Installed]:
    def install() -> Installed:
        node, folder = installation.node_packages(package)
        peer = Peer(name, "nothing stored", lambda port, _: [node, str(_FOLDER / script), str(port)], dialect)
        return Installed(peer, {"NODE_PATH": str(folder)})

    return install


def _python(name: str, module: str, package: str, dialect: Dialect) -> Callable[[], Installed]:
    def install() -> Installed:
        folder = installation.python_packages(package)
        return Installed(Peer(name, "nothing stored", _command, dialect), {"PYTHONPATH": str(folder)})

    def _command(port: int, directory: Path) -> list[str]:
        return [sys.executable, "-m", module, str(port)]

    return install


# Each installs what it needs when it is called, or raises NotThere.
PEERS: Mapping[str, Callable[[], Installed]] = {
    "Node ws": _node("Node ws", "ws_server.mjs", _WS, _ECHOED),
    "Socket.IO": _node("Socket.IO", "socket_io_server.mjs", _SOCKET_IO, _SOCKET_IO_DIALECT),
    "websockets": _python("websockets", "bench.peers.websockets_server", _WEBSOCKETS, _ECHOED),
}
