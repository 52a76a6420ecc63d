"""Logs, traces and the metrics that both services have, and their export."""
