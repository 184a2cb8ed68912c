"""Parse each JSONPath of a state machine once.

Works around: LocalStack builds a parser's tables anew for every path that it evaluates, a fifth of its CPU in a run.
Tested by: tests/integration/localstack/test_patches.py, on LocalStack's own function.
Can go: when LocalStack keeps parsed paths, or another JSONPath library.
"""

from __future__ import annotations

import functools


def install() -> None:
    """Remember parsed paths. LocalStack imports the function by name, so this comes before LocalStack does."""
    from jsonpath_ng import ext  # type: ignore[import-untyped]

    ext.parse = functools.lru_cache(4096)(ext.parse)
