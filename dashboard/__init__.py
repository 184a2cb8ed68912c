"""The dashboard: what the agents found, did and left as a trail, for people."""
