"""Errors of operations on a deployed stack.

OperationError
├── TargetError    the stack, a resource of it or its database cannot be reached
└── RunError       an execution could not be started, or failed; a run cannot be resumed or redriven
"""

from __future__ import annotations


class OperationError(Exception):
    """When an operation cannot continue; the text names the remedy."""


class TargetError(OperationError):
    """When the stack, one of its resources or its database cannot be reached."""


class RunError(OperationError):
    """When an execution could not be started or failed, or a run cannot be resumed or redriven."""
