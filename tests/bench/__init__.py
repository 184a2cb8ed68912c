"""Measure how fast Vigie is on this machine: `python -m tests.bench --list`."""
