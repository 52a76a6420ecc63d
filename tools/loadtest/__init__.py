"""Paced conversations with a Moshi server, and how late their frames were."""
