"""The format of what clients send and receive: JSON with camelCase names. No other package encodes or decodes it."""
