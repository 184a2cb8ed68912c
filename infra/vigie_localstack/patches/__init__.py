"""Patches of LocalStack's open edition, one per file."""
