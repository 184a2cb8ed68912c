"""The consumer of the dead-letter queues: messages without retries left are recorded, audited and answered."""
