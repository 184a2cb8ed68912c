"""The consumer of the dead-letter queues: what nobody could work on is answered, audited and kept for a redrive."""
