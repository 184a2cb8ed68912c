"""What a run would cost on AWS: counted from a measured run, at list prices: `python -m tests.evaluations.cost`."""
