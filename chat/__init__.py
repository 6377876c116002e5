"""What REST and WebSocket share: the use cases, delivery, connections and presence. Knows no Tornado, no driver."""
