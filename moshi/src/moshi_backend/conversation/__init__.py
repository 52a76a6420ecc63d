"""Sessions between a WebSocket and the engine: admission, limits, audio in both directions, the end."""
