"""The personas of the model: voices, roles, and the prompt that they make."""
