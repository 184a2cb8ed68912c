"""What can go wrong: each kind disturbs the cloud and returns how to take it back."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg2

from tests.chaos.environment import AGENTS, ChaosEnvironment, prepare
from tests.chaos.withdrawals import withdraw_at_random
from vigie_local import commands
from vigie_local.ports import is_taken
from vigie_local.processes import running_pid
from vigie_local.secrets import LLM_SECRET, role_passwords
from vigie_local.services import database_server, local_aws
from vigie_local.settings import DATABASE
from vigie_operations.errors import RunError

Undo = Callable[[], None]
Fault = Callable[[ChaosEnvironment, random.Random], Undo]

# Agent, boundary, and how often a run crosses it at least: in each batch, or once for all.
CROSSINGS = {
    ("planner", "commit"): (0, 2),
    ("nlp_agent", "commit"): (4, 0),
    ("prediction_agent", "commit"): (1, 0),
    ("action_agent", "commit"): (4, 0),
    ("audit_agent", "commit"): (0, 3),
    ("nlp_agent", "answer"): (1, 0),
    ("prediction_agent", "answer"): (1, 0),
    ("action_agent", "answer"): (1, 0),
    ("audit_agent", "answer"): (0, 1),
}
MOMENTS = {"commit": ("before-commit", "during-commit", "after-commit"), "answer": ("before-answer", "after-answer")}
OUTAGE_SECONDS = (1.0, 4.0)
# A fault that needs something to strike waits for it, up to this long.
LONGEST_HOLD_SECONDS = 30.0
# Every batch passes these.
HELD_BACK = ("prediction", "action")


def kill(agent: str, boundary: str) -> Fault:
    """SIGKILL of a function's process at a boundary."""

    def inject(environment: ChaosEnvironment, rng: random.Random) -> Undo:
        in_each_batch, for_all = CROSSINGS[agent, boundary.rpartition("-")[2]]
        most = in_each_batch * environment.batches + for_all
        environment.set_failpoint(agent, boundary, rng.randint(1, most))
        return _nothing

    return inject


def model(outcome: str) -> Fault:
    """The model server misbehaves for part of the calls, or for all."""

    def inject(environment: ChaosEnvironment, rng: random.Random) -> Undo:
        # A call that hangs holds its place for the client's whole patience, 20 s.
        share = 0.01 if outcome in ("hang", "trickle") else rng.choice((0.05, 0.3, 1.0))
        environment.cloud.set_model_keeping(rates={outcome: share}, seed=rng.randint(0, 10**6))
        return _nothing

    return inject


def model_storm(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Every call is refused with 429 for some seconds."""
    environment.cloud.set_model_keeping(rates={"rate_limited": 1.0})
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    environment.cloud.set_model_keeping(rates={})
    return _nothing


def model_day_limit(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """A day's tokens are used up, and somebody raises the limit: until then, each round may wait a minute for it."""
    environment.cloud.set_model_keeping(rates={"day_limit": 1.0})
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    environment.cloud.set_model_keeping(rates={})
    return _nothing


def model_mended(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Every call is refused for the account's sake, until somebody mends it."""
    refusal = rng.choice(("unauthorised", "forbidden", "model_not_found", "model_decommissioned", "web_page"))
    environment.cloud.set_model_keeping(rates={refusal: 1.0})
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    environment.cloud.set_model_keeping(rates={})
    return _nothing


def duplicates(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Deliver messages twice, for a few seconds."""
    _handle_messages(environment, rng, hidden_seconds=0, send_again=True)
    return _nothing


def reordered(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Hold messages back, so that later ones come first."""
    _handle_messages(environment, rng, hidden_seconds=rng.randint(1, 3), send_again=False)
    return _nothing


def poison(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Send messages that cannot be parsed."""
    for body in ("no JSON", '{"run_id": 7}', json.dumps({"run_id": "never-planned", "batch_no": 0, "task_token": "x"})):
        environment.cloud.client("sqs").send_message(QueueUrl=environment.queue(rng.choice(AGENTS)), MessageBody=body)
    return _nothing


def postgres_killed(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """PostgreSQL is killed, and started again after a moment."""
    server = database_server(environment.cloud.settings)
    pid = running_pid(server.pid_file)
    if pid:
        os.kill(pid, signal.SIGKILL)
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    server.start()
    return _nothing


def postgres_restarted(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """PostgreSQL is stopped in order, and started again after a moment."""
    server = database_server(environment.cloud.settings)
    server.stop()
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    server.start()
    return _nothing


def postgres_full(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """No connection is left for a moment, and those there are break."""
    held: list[Any] = []
    with contextlib.suppress(psycopg2.OperationalError):
        while True:
            held.append(_connect(environment))
    # A place is kept for the superuser, who alone may end the sessions of other roles.
    superuser = database_server(environment.cloud.settings).connect(DATABASE)
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vigie'")
    superuser.close()
    with contextlib.suppress(psycopg2.OperationalError):
        while True:
            held.append(_connect(environment))
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    for connection in held:
        connection.close()
    return _nothing


def postgres_slow(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Nothing can be written to a table for a moment."""
    connection = _connect(environment)
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {rng.choice(('run_steps', 'audit_log', 'egress_ledger'))} IN EXCLUSIVE MODE")
        time.sleep(rng.uniform(*OUTAGE_SECONDS))
    connection.rollback()
    connection.close()
    return _nothing


def secret_missing(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """A secret is gone for a moment, and a function that needs it starts afresh."""
    manager = environment.cloud.client("secretsmanager")
    name, agent = rng.choice(((LLM_SECRET, "nlp_agent"), ("vigie/database/action_agent", "action_agent")))
    content = manager.get_secret_value(SecretId=name)["SecretString"]
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    environment.set_failpoint(agent, "after-commit", 1)
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    manager.create_secret(Name=name, SecretString=content)
    return _nothing


def key_disabled(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """The signing key refuses for a moment."""
    kms = environment.cloud.client("kms")
    key = kms.describe_key(KeyId="alias/vigie-audit")["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    later = threading.Timer(rng.uniform(2.0, 6.0), kms.enable_key, kwargs={"KeyId": key})
    later.start()

    def undo() -> None:
        later.cancel()
        kms.enable_key(KeyId=key)

    return undo


def given_up(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """Move messages to the dead-letter queues untouched; their consumer may be killed meanwhile."""
    moment = rng.choice((*MOMENTS["commit"], *MOMENTS["answer"], ""))
    if moment:
        environment.set_failpoint("dead_letters", moment, 1)
    # Slower answers, so that no message has got past the queues that are held before they are.
    environment.cloud.set_model_keeping(latency_ms=1500)
    _planned_run(environment)
    sqs = environment.cloud.client("sqs")
    with _held_back(environment, HELD_BACK):
        end = time.monotonic() + rng.uniform(*OUTAGE_SECONDS)
        latest = end + LONGEST_HOLD_SECONDS
        given_up = 0
        while (now := time.monotonic()) < end or (not given_up and now < latest):
            for agent in AGENTS:
                answer = sqs.receive_message(QueueUrl=environment.queue(agent), MaxNumberOfMessages=1)
                for message in answer.get("Messages", []):
                    given_up += 1
                    sqs.send_message(QueueUrl=environment.queue(agent, dead=True), MessageBody=message["Body"])
                    sqs.delete_message(QueueUrl=environment.queue(agent), ReceiptHandle=message["ReceiptHandle"])
    return _nothing


def logs_full(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """No function can write a log line for a moment."""
    return _for_a_moment(environment, rng, "log-full", "")


def clock_jump(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """The functions' clock is wrong for a moment, by up to two hours."""
    return _for_a_moment(environment, rng, "clock", str(rng.choice((-1, 1)) * rng.uniform(60, 7200)))


def withdrawals(fault: str = "") -> Fault:
    """Consents are withdrawn at random moments, while the model refuses calls or an agent dies as well."""

    def inject(environment: ChaosEnvironment, rng: random.Random) -> Undo:
        # Slower answers, so that calls wait, and the run lasts.
        environment.cloud.set_model_keeping(latency_ms=400)
        run_id = _planned_run(environment)
        if fault == "kill":
            environment.set_failpoint(rng.choice(("nlp_agent", "action_agent")), "after-commit", rng.randint(1, 4))
        elif fault:
            environment.cloud.set_model_keeping(rates={fault: 0.3}, seed=rng.randint(0, 10**6))
        return withdraw_at_random(environment, rng, run_id)

    return inject


def localstack_restarted(environment: ChaosEnvironment, rng: random.Random) -> Undo:
    """LocalStack dies in the middle, and everything it held with it; `make resume` completes the run."""
    # Slower answers, so that there is a middle.
    environment.cloud.set_model_keeping(latency_ms=300)
    run_id = _planned_run(environment)
    time.sleep(rng.uniform(0.0, 3.0))
    pid = running_pid(local_aws(environment.cloud.settings).pid_file)
    if pid:
        os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: not is_taken(environment.cloud.settings.localstack_port), "LocalStack did not die")
    with contextlib.redirect_stdout(io.StringIO()):
        commands.resume(environment.cloud.settings, Namespace(run_id=run_id))
    return lambda: prepare(environment)


KINDS: dict[str, Fault] = {
    **{f"kill-{agent}-{moment}": kill(agent, moment) for agent, boundary in CROSSINGS for moment in MOMENTS[boundary]},
    **{
        f"model-{outcome.replace('_', '-')}": model(outcome)
        for outcome in (
            *("error_500", "error_503", "rate_limited", "unauthorised", "reset", "refusal", "not_json"),
            *("truncated_json", "wrong_json", "empty", "half_answer", "trickle", "hang"),
            *("json_validate_failed", "too_large", "capacity_exceeded", "cancelled"),
            *("forbidden", "model_decommissioned", "no_json_schema", "unexplained_400", "web_page", "error_body"),
            *("no_quota", "redirected", "no_completion"),
            *("cut_at_length", "null_content", "parts", "thoughts", "fenced", "odd_usage", "filtered", "declined"),
        )
    },
    "model-storm": model_storm,
    "model-day-limit": model_day_limit,
    "model-mended": model_mended,
    "duplicates": duplicates,
    "reordered": reordered,
    "poison": poison,
    "postgres-killed": postgres_killed,
    "postgres-restarted": postgres_restarted,
    "postgres-full": postgres_full,
    "postgres-slow": postgres_slow,
    "secret-missing": secret_missing,
    "key-disabled": key_disabled,
    "given-up": given_up,
    "logs-full": logs_full,
    "clock-jump": clock_jump,
    "localstack-restarted": localstack_restarted,
    "withdrawals": withdrawals(),
    "withdrawals-among-errors": withdrawals("error_503"),
    "withdrawals-among-refusals": withdrawals("rate_limited"),
    "withdrawals-and-a-kill": withdrawals("kill"),
}


def _handle_messages(
    environment: ChaosEnvironment, rng: random.Random, hidden_seconds: int, *, send_again: bool
) -> None:
    sqs = environment.cloud.client("sqs")
    addresses = [environment.queue(agent) for agent in AGENTS]
    handled: set[str] = set()
    end = time.monotonic() + rng.uniform(*OUTAGE_SECONDS)
    while time.monotonic() < end:
        for url in addresses:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=hidden_seconds)
            for message in answer.get("Messages", []):
                if send_again and message["MessageId"] not in handled:
                    copy = sqs.send_message(QueueUrl=url, MessageBody=message["Body"])
                    handled |= {message["MessageId"], copy["MessageId"]}


@contextlib.contextmanager
def _held_back(environment: ChaosEnvironment, agents: Sequence[str]) -> Iterator[None]:
    """Disable the event-source mappings of these agents' queues meanwhile, and enable them again."""
    functions = environment.cloud.client("lambda")
    mappings = [
        mapping["UUID"]
        for agent in agents
        for mapping in functions.list_event_source_mappings(FunctionName=f"vigie-{agent}-agent")["EventSourceMappings"]
    ]

    def switch(enabled: bool) -> None:
        for uuid in mappings:
            functions.update_event_source_mapping(UUID=uuid, Enabled=enabled)
        wanted = "Enabled" if enabled else "Disabled"
        for uuid in mappings:
            _wait_until(
                lambda uuid=uuid: functions.get_event_source_mapping(UUID=uuid)["State"] == wanted,  # type: ignore[misc]
                f"a mapping was not {wanted.lower()}",
            )

    try:
        switch(enabled=False)
        yield
    finally:
        switch(enabled=True)


def _for_a_moment(environment: ChaosEnvironment, rng: random.Random, name: str, content: str) -> Undo:
    switch = environment.failpoints / name
    switch.write_text(content)
    time.sleep(rng.uniform(*OUTAGE_SECONDS))
    switch.unlink(missing_ok=True)
    return _nothing


def _planned_run(environment: ChaosEnvironment) -> str:
    """The run that is under way, once it is planned."""
    newest = "SELECT run_id FROM runs WHERE status = 'running' ORDER BY planned_at DESC LIMIT 1"
    _wait_until(lambda: bool(environment.cloud.query(newest)), "no run was planned")
    return str(environment.cloud.query(newest)[0][0])


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise RunError(f"{otherwise} within 60 s")
        time.sleep(0.05)


def _connect(environment: ChaosEnvironment) -> Any:
    password = role_passwords(environment.cloud.settings.private)["owner"]
    return database_server(environment.cloud.settings).connect(DATABASE, "owner", password)


def _nothing() -> None:
    """What ends by itself needs no taking back."""
