"""What a peer can make the service spend before and beside its conversation: descriptors, time, the event loop."""
