"""What a run would cost on AWS: counted from a measured run, at list prices: `python -m vigie_operations.cost`."""
