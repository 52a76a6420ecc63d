"""The wire protocol of /api/chat."""
