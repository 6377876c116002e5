"""RFC 6455 on the bare socket: `websocket_link` is one connection, `frames` and `frame_reader` are pure."""
