"""The egress boundary: everything a text passes before it may leave, the client, and what may come back."""
