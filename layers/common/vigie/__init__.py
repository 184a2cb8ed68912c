"""What every Vigie function shares: messages, settings, secrets, database, audit, task tokens, logging."""
