"""Clients of the OpenAI API against a real gateway: each of its own environment and process."""
