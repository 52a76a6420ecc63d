"""Paced conversations with a Moshi server, abusive ones beside them, and what became of both."""
