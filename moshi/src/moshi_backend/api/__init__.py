"""The HTTP and WebSocket interface of the service."""
