"""Replaces personal data in a customer's message by stable placeholders, before anything leaves."""

from .identity import KnownIdentity, Pseudonymised, Span
from .mask import pseudonymise

__all__ = ["KnownIdentity", "Pseudonymised", "Span", "pseudonymise"]
