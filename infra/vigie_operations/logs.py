"""Follow the agents' structured logs in CloudWatch Logs: a readable line each, or the JSON as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError

from vigie_operations.errors import OperationError
from vigie_operations.targets import Target

AGENTS = {
    "planner": "vigie-planner",
    "nlp": "vigie-nlp-agent",
    "prediction": "vigie-prediction-agent",
    "action": "vigie-action-agent",
    "audit": "vigie-audit-agent",
    "dead": "vigie-dead-letters",
}
_POLL_S = 1.0
_PLATFORM_LINES = ("START ", "END ", "REPORT ", "INIT_START ")
# Said already by the line's beginning, or of use to machines only.
_NOT_SHOWN = {
    "level", "location", "message", "timestamp", "service", "cold_start", "function_name", "xray_trace_id",
    "function_memory_size", "function_arn", "function_request_id", "run_id", "exception", "stack_trace", "audit",
}  # fmt: skip


def show_logs(target: Target, agent: str, raw: bool, follow: bool, since_s: float) -> None:
    """Print what the agents (or one) have written since `since_s` seconds ago, then follow.

    Raises:
        TargetError: the target does not respond.
    """
    groups = agent_groups(agent)
    client = target.client("logs")
    start_ms = int((time.time() - since_s) * 1000)
    try:
        for group, event in read_events(client, groups, start_ms, follow):
            line = event["message"].rstrip("\n") if raw else readable(group, event["message"])
            if line:
                print(line, flush=True)
    except BotoCoreError as error:
        raise target.unreachable(error) from error


def agent_groups(agent: str) -> list[str]:
    """Return the log groups of one agent, or of all when `agent` is empty.

    Raises:
        OperationError: there is no such agent.
    """
    if agent and agent not in AGENTS:
        raise OperationError(f"AGENT={agent!r}: use one of {', '.join(AGENTS)}, or none for all.")
    return [f"/aws/lambda/{AGENTS[name]}" for name in ([agent] if agent else AGENTS)]


def read_events(client: Any, groups: list[str], start_ms: int, follow: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events of all groups, in order of time within one look; each once."""
    seen: set[str] = set()
    while True:
        found = [(group, event) for group in groups for event in _events(client, group, start_ms)]
        fresh = [(group, event) for group, event in found if _identity(event) not in seen]
        seen = {_identity(event) for _group, event in found}
        yield from sorted(fresh, key=lambda pair: pair[1]["timestamp"])
        if not follow:
            return
        # The last ten seconds are looked at again: an event may arrive after a later one.
        newest = max((event["timestamp"] for _group, event in found), default=start_ms)
        start_ms = max(start_ms, newest - 10_000)
        time.sleep(_POLL_S)


def _identity(event: dict[str, Any]) -> str:
    """Return the key that identifies an event; the API's reference promises no id."""
    return str(event.get("eventId") or (event["logStreamName"], event["timestamp"], event["message"]))


def _events(client: Any, group: str, start_ms: int) -> Iterator[dict[str, Any]]:
    try:
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start_ms):
            yield from page["events"]
    except client.exceptions.ResourceNotFoundException:
        return


def readable(group: str, message: str) -> str:
    """One line for people: time, agent, level when it matters, what happened; empty for metrics and START to REPORT."""
    agent = group.rpartition("/")[2].removeprefix("vigie-")
    try:
        entry = json.loads(message)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return "" if message.startswith(_PLATFORM_LINES) else f"{'':8} {agent:<16} {message.rstrip()}"
    if "_aws" in entry:  # a metric, for CloudWatch
        return ""
    level = entry.get("level", "INFO")
    head = f"{str(entry.get('timestamp', ''))[11:19]:8} {agent:<16}"
    return f"{head} {'' if level == 'INFO' else level + ' '}{_said(entry)}".rstrip()


def _said(entry: dict[str, Any]) -> str:
    audit = entry.get("audit")
    if isinstance(audit, dict):
        customer = str(audit.get("customer_id") or "")[:8]
        parts = [str(audit.get("event_type")), str(audit.get("status")), customer, _facts(audit.get("details"))]
        return " ".join(part for part in parts if part)
    rest = {name: value for name, value in entry.items() if name not in _NOT_SHOWN}
    text = f"{entry.get('message')} {_facts(rest)}".strip()
    return f"{text}\n{entry['exception']}" if entry.get("exception") else text


def _facts(values: object) -> str:
    if not isinstance(values, dict):
        return ""
    return " ".join(f"{name}={value}" for name, value in values.items() if value not in (None, ""))
