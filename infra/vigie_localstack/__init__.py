"""LocalStack on one machine: the executor that runs functions as processes, and its patches."""
