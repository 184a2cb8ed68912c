"""Chaos: real runs disturbed at seeded moments, and an independent check of what came of them."""
