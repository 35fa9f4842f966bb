"""Adapters that are wrong in one thing each, which names the test that is to fail."""
