"""Upstream's own server and ours, measured one after the other by the same clients."""
