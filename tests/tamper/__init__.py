"""Tampers with sealed logs in every way we could think of, and counts what the offline verifier finds."""
