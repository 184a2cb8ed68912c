"""How much models that think before they answer are asked to think, by model id."""

# Values that Groq documents; other models do not take the parameter.
EFFORTS = {"openai/gpt-oss-": "low", "qwen/qwen3": "none"}


def effort_of(model: str) -> str | None:
    """The `reasoning_effort` to ask for, or None for a model that takes none."""
    return next((effort for prefix, effort in EFFORTS.items() if model.startswith(prefix)), None)
