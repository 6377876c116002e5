"""The wire: RFC 6455 on the bare socket. `frames` is pure, `link` is one connection, `compression` RFC 7692."""
