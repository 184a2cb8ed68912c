"""The audit agent: closes the audit of a run, and compares what was stored with what was told."""
