"""The protocol of clients and services: messages of `/api/chat`, their events, and `/api/info`."""
