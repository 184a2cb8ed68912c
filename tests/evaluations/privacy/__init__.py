"""How well personal data is masked: generated messages, fuzzing, scores, a reference."""
