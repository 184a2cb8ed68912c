"""LocalStack in host mode: loopback only, our executor, nothing outside its folder, gone when stopped."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_local.errors import ServiceError
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_local.ports import accepts, free_port


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with pytest.MonkeyPatch.context() as patch:
        # A home folder that can hold nothing, not even for root.
        no_folder = tmp_path_factory.mktemp("home") / "file"
        no_folder.touch()
        patch.setenv("HOME", str(no_folder))
        with temporary_localstack() as running:
            yield running


def test_it_answers_on_the_loopback_address_and_nowhere_else(cloud: LocalStack) -> None:
    assert accepts(cloud.port)
    # It takes the port of GATEWAY_LISTEN and ignores the address, unless our gateway starts it.
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", cloud.port), timeout=2)


def test_queue_addresses_can_be_used_as_they_are(cloud: LocalStack) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="a-queue")["QueueUrl"]
    assert url.startswith(f"http://127.0.0.1:{cloud.port}/")
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"][0]["Body"] == "hello"


def test_objects_are_kept_in_its_own_folder_so_that_two_stacks_never_share_one(cloud: LocalStack) -> None:
    name = f"bucket-{cloud.port}"
    cloud.client("s3").create_bucket(Bucket=name)
    assert [path for path in cloud.home.rglob(name) if path.is_dir()]
    assert not Path("/tmp/localstack-s3-storage", name).exists()


def test_starting_it_again_changes_nothing(cloud: LocalStack) -> None:
    before = cloud.pid_file.read_text()
    cloud.start()
    assert cloud.pid_file.read_text() == before


def test_one_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "twisted.py").write_text("raise ImportError('twisted is broken')", encoding="utf-8")
    broken = LocalStack(tmp_path, free_port(), {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(ServiceError, match=r"(?s)ended while starting.*twisted is broken"):
        broken.start()
    assert not broken.is_running()


def test_stopping_it_frees_the_port_and_forgets_everything() -> None:
    with temporary_localstack() as running:
        running.client("sqs").create_queue(QueueName="forgotten")
        assert running.stop()
        assert not accepts(running.port)
        assert not running.is_healthy()
        running.start()
        assert not running.client("sqs").list_queues().get("QueueUrls")


def test_messages_are_not_reported_one_by_one_but_how_many_a_queue_holds_is() -> None:
    with temporary_localstack(SQS_CLOUDWATCH_METRICS_REPORT_INTERVAL="1") as running:
        sqs, metrics = running.client("sqs"), running.client("cloudwatch")
        url = sqs.create_queue(QueueName="measured")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        deadline = time.monotonic() + 60
        while not (names := {metric["MetricName"] for metric in metrics.list_metrics(Namespace="AWS/SQS")["Metrics"]}):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert "ApproximateNumberOfMessagesVisible" in names
    assert not {name for name in names if name.startswith("NumberOf")}
