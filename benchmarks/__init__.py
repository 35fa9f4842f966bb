"""Measures the gateway beside its peers; `hatch run bench` runs all of it."""
