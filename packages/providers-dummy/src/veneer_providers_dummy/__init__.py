"""The smallest honest provider for the Veneer gateway."""

from veneer_providers_dummy.adapter import DummyAdapter

__all__ = ["DummyAdapter"]
