"""Metrics of this service (`metrics`) and of its engine (`engine`), and the trace of a start (`startup`)."""
