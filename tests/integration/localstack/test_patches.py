"""Each patch on the real LocalStack: what it mends works with it, and does not without it.

Where a check passes without its patch, LocalStack has been mended: the patch can go.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from vigie.verify import verify_ed25519
from vigie_local.errors import ServiceError
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_local.ports import free_port
from vigie_local.settings import REPOSITORY

WITHOUT = "VIGIE_LOCALSTACK_WITHOUT"
# Left in: without them LocalStack would listen on every network, and share a folder below /tmp.
LEFT_OUT = "message_metrics,queue_polling,log_filtering,json_paths,gc_pauses,signing_keys"
METRICS_EVERY_SECOND = {"SQS_CLOUDWATCH_METRICS_REPORT_INTERVAL": "1"}
IN_FLIGHT = 2
ED25519 = "ECC_NIST_EDWARDS25519"
type Check = Callable[[LocalStack, float], None]


@pytest.fixture(scope="module")
def patched() -> Iterator[LocalStack]:
    """LocalStack as the local cloud runs it."""
    with temporary_localstack(**METRICS_EVERY_SECOND) as running:
        yield running


@pytest.fixture(scope="module")
def unpatched() -> Iterator[LocalStack]:
    """LocalStack without the patches that can be checked from outside."""
    with temporary_localstack(**METRICS_EVERY_SECOND, **{WITHOUT: LEFT_OUT}) as running:
        yield running


def invocations_overlap(cloud: LocalStack, seconds: float) -> None:
    """Two invocations of one function are in flight at once: each waits until the other has begun."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        meeting_place = server.getsockname()[1]
        queue = make_consumer(cloud, "overlapping", WAIT_TO_BE_LET_GO.format(port=meeting_place))
        for number in range(IN_FLIGHT):
            cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=str(number))
        server.settimeout(seconds)
        with contextlib.ExitStack() as waiting:
            # Nobody is let go before all are here: one after the other, the second would never come.
            here = []
            for _ in range(IN_FLIGHT):
                try:
                    here.append(waiting.enter_context(server.accept()[0]))
                except TimeoutError:
                    break
            assert len(here) == IN_FLIGHT, "an invocation began only after another had ended"
            for invocation in here:
                invocation.sendall(b"go")


WAIT_TO_BE_LET_GO = """
import socket

def handler(event, context):
    with socket.create_connection(("127.0.0.1", {port}), timeout=100) as meeting:
        meeting.recv(2)
"""


def make_consumer(cloud: LocalStack, name: str, source: str) -> str:
    """Make a function that works on a queue, `IN_FLIGHT` messages at once; return the queue's address."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", source)
    functions, sqs = cloud.client("lambda"), cloud.client("sqs")
    functions.create_function(
        FunctionName=name, Runtime="python3.13", Handler="app.handler", Timeout=120,
        Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    queue = str(sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "720"})["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": IN_FLIGHT}
    )
    wait_until(lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled", 60)
    return queue


def terms_match_as_documented(cloud: LocalStack, _seconds: float) -> None:
    """A plain term that begins with a digit finds the events that hold it, and no others."""
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="searched")
    logs.create_log_stream(logGroupName="searched", logStreamName="a")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": text} for text in ("run 7f", "run 8e", "another 7f")]
    logs.put_log_events(logGroupName="searched", logStreamName="a", logEvents=events)
    found = logs.filter_log_events(logGroupName="searched", filterPattern="7f")["events"]
    assert [event["message"] for event in found] == ["run 7f", "another 7f"]


def single_messages_are_not_reported(cloud: LocalStack, seconds: float) -> None:
    """How many messages a queue holds is reported to CloudWatch; that one was sent is not."""
    sqs, metrics = cloud.client("sqs"), cloud.client("cloudwatch")
    queue = sqs.create_queue(QueueName="measured")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    wanted = {"Name": "QueueName", "Value": "measured"}

    def names() -> set[str]:
        found = metrics.list_metrics(Namespace="AWS/SQS", Dimensions=[wanted])["Metrics"]
        return {metric["MetricName"] for metric in found}

    wait_until(lambda: "ApproximateNumberOfMessagesVisible" in names(), max(seconds, 60))
    assert not {name for name in names() if name.startswith("NumberOf")}


def ed25519_keys_sign_and_kept_ones_stay(cloud: LocalStack, _seconds: float) -> None:
    """A tagged key is the same however often it is made, an Ed25519 key signs as RFC 8032 says."""
    kms = cloud.client("kms")
    public: dict[str, list[bytes]] = {}
    for name, spec in (("kept-one", "ECC_NIST_P256"), ("kept-two", ED25519), ("", ED25519)) * 2:
        tags = [{"TagKey": "vigie:kept-as", "TagValue": name}] if name else []
        try:
            key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", Tags=tags)["KeyMetadata"]["KeyId"]
        except ClientError as error:
            raise AssertionError("the key service has no such keys") from error
        public.setdefault(name, []).append(kms.get_public_key(KeyId=key)["PublicKey"])
        if spec == ED25519:
            signed = kms.sign(KeyId=key, Message=b"x", MessageType="RAW", SigningAlgorithm="ED25519_SHA_512")
            assert verify_ed25519(public[name][-1][-32:], b"x", signed["Signature"])
    assert [len(set(public[name])) for name in ("kept-one", "kept-two", "")] == [1, 1, 2]
    kept = cloud.home / "audit-keys" / "kept-two"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


CHECKS: dict[str, Check] = {
    "signing_keys": ed25519_keys_sign_and_kept_ones_stay,
    "queue_polling": invocations_overlap,
    "log_filtering": terms_match_as_documented,
    "message_metrics": single_messages_are_not_reported,
}


@pytest.mark.parametrize("patch", CHECKS)
def test_what_a_patch_mends_works_with_it(patched: LocalStack, patch: str) -> None:
    CHECKS[patch](patched, 100)


@pytest.mark.parametrize("patch", CHECKS)
def test_and_does_not_without_it(unpatched: LocalStack, patch: str) -> None:
    with pytest.raises(AssertionError):
        CHECKS[patch](unpatched, 15)


INSIDE = """
import gc, json
from vigie_localstack.patches import install_patches
install_patches({left_out!r})
from localstack.services.stepfunctions.asl.utils import json_path
from jsonpath_ng import ext
one, other = ext.parse("$.a.b"), ext.parse("$.a.b")
used = json_path.parse("$.a.b")
gc.collect()
print(json.dumps({{"parsed once": one is other is used, "frozen": gc.get_freeze_count() > 0}}))
"""


@pytest.mark.parametrize(("left_out", "expected"), [([], True), (["json_paths", "gc_pauses"], False)])
def test_paths_are_parsed_once_and_survivors_are_left_out_of_later_collections(
    left_out: list[str], expected: bool
) -> None:
    program = [sys.executable, "-c", INSIDE.format(left_out=left_out)]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"parsed once": expected, "frozen": expected}


def test_a_patch_that_is_not_there_is_named(tmp_path: Path) -> None:
    wrong = LocalStack(tmp_path, free_port(), {WITHOUT: "queue_poling"})
    with pytest.raises(ServiceError, match=r"queue_poling: no such patch; there are .*queue_polling"):
        wrong.start()


def test_another_localstack_than_the_pinned_one_is_refused_with_the_remedy(tmp_path: Path) -> None:
    metadata = tmp_path / "localstack_core-4.14.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: localstack-core\nVersion: 4.14.0\n")
    other = LocalStack(tmp_path, free_port(), {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(ServiceError, match=r"(?s)localstack-core is 4\.14\.0.*2026\.3\.0.*make environment"):
        other.start()
    assert not other.is_running()


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Poll until the condition holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
