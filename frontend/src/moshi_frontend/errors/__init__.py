"""Errors of the frontend, in tables. `moshi_service.errors` explains them."""
