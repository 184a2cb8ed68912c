"""Replaces personal data in a customer's message by stable placeholders, before anything leaves."""

from vigie_llm.identity import KnownIdentity, Pseudonymised, Span
from vigie_llm.pseudonymise.mask import pseudonymise

__all__ = ["KnownIdentity", "Pseudonymised", "Span", "pseudonymise"]
