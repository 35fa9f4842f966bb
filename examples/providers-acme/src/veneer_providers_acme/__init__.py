"""Acme's private models behind the Veneer gateway."""

from veneer_providers_acme.adapter import AcmeAdapter

__all__ = ["AcmeAdapter"]
