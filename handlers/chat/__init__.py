"""What REST and WebSocket share: the use cases and the protocol. Imports no Tornado and no driver."""
