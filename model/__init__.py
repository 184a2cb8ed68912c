"""The model's life outside the functions: synthetic bank, contracts, training, evaluation, registry, card."""
