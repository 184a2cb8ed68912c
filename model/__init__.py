"""The model's life outside the functions: made-up bank, contracts, training, evaluation, registry, card."""
