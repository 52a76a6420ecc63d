"""What clients and services say to each other: messages of `/api/chat`, their events, and `/api/info`."""
