"""Tamper with sealed logs in every known way, and count what the offline verifier finds."""
