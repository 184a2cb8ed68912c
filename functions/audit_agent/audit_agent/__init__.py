"""The audit agent: reconciles a run's records, and seals and signs the audit log."""
