"""The API documents, made of what decodes and what is returned: OpenAPI of the routes, AsyncAPI of the WebSocket."""
