"""Measures how fast Vigie is on this machine: `python -m vigie_local.bench --list`."""
