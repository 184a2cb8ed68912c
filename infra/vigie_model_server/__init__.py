"""A language-model server for this machine: Groq's protocol, answers from rules, misbehaviour on request."""

MODEL_ID = "vigie-local-rules"
