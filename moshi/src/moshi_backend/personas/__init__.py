"""Who a conversation is with: voices, roles, and what the model is given of them before it begins."""
