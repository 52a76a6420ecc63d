"""Trains the demo model: a checkpoint of about 3 MB with upstream's architecture and about a dozen sentences."""
