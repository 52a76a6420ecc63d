"""OpenAI's Live and Realtime APIs, as far as a Moshi can serve them, and the list of models.

docs/reference/openai.md describes them for people who write a client.
"""
