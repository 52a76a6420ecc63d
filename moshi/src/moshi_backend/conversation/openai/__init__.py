"""OpenAI's Live and Realtime APIs as wires of a conversation."""
