"""Limits on the resources that a peer takes: file descriptors, time, and work on the event loop."""
