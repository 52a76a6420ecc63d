"""The files of a model: where they are, whether they fit together, what they declare."""
