"""Metrics of this service."""
