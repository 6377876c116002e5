"""RFC 6455 on the bare socket: `websocket_link` is one connection, `server_frames` and `frame_parser` are pure."""
