"""Every line the process writes reaches CloudWatch Logs, in order, between START and REPORT."""

import base64
import json
import re
from typing import Any

LARGEST_EVENT = 262_144


def test_lines_stand_between_start_and_report_in_the_order_written(deploy: Any) -> None:
    function = deploy.function(
        """
        import sys
        print("loading")

        def handler(event, context):
            for number in range(500):
                print(number, file=sys.stderr if number % 3 else sys.stdout)
        """
    )
    ids = [function.invoke()["ResponseMetadata"]["RequestId"] for _ in range(2)]
    first, second = ids
    numbers = [str(number) for number in range(500)]
    messages = function.finished_messages(2)
    reports = [text for text in messages if text.startswith("REPORT")]
    assert messages == [
        "INIT_START Runtime Version: python:3.13",
        "loading",
        f"START RequestId: {first} Version: $LATEST",
        *numbers,
        f"END RequestId: {first}",
        reports[0],
        f"START RequestId: {second} Version: $LATEST",
        *numbers,
        f"END RequestId: {second}",
        reports[1],
    ]
    shape = r"REPORT RequestId: {}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
    shape += r"\tMax Memory Used: \d+ MB\t{}"
    assert re.fullmatch(shape.format(first, r"Init Duration: [\d.]+ ms\t"), reports[0])
    assert re.fullmatch(shape.format(second, ""), reports[1])


def test_logging_keeps_the_format_of_the_managed_runtime(deploy: Any) -> None:
    function = deploy.function(
        """
        import logging

        def handler(event, context):
            logging.getLogger().warning("care")
        """
    )
    request_id = function.invoke()["ResponseMetadata"]["RequestId"]
    assert any(
        re.fullmatch(rf"\[WARNING\]\t[-\dT:.]+Z\t{request_id}\tcare", text) for text in function.finished_messages()
    )


def test_lines_of_a_killed_process_are_complete(deploy: Any) -> None:
    function = deploy.function(
        """
        import os, signal

        def handler(event, context):
            for number in range(20_000):
                print(number)
            os.write(1, b"unfinished")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    request_id = function.invoke()["ResponseMetadata"]["RequestId"]
    messages = function.finished_messages()
    start = messages.index(f"START RequestId: {request_id} Version: $LATEST")
    assert messages[start + 1 : -3] == [*map(str, range(20_000)), "unfinished"]


def test_lines_of_a_timed_out_process_are_complete(deploy: Any) -> None:
    function = deploy.function(
        """
        import itertools, os

        def handler(event, context):
            for number in itertools.count():
                os.write(1, b"%d\\n" % number)
                if number == 20_000:
                    os.read(os.pipe()[0], 1)
        """,
        Timeout=3,
    )
    function.invoke()
    messages = function.finished_messages()
    assert messages[messages.index("0") : -3] == [str(number) for number in range(20_001)]


def test_a_line_without_an_end_belongs_to_its_invocation(deploy: Any) -> None:
    function = deploy.function("def handler(event, context): print('half', end='')")
    for _ in range(2):
        function.invoke()
    kinds = [text.split()[0] for text in function.finished_messages(2)]
    assert kinds == ["INIT_START", *["START", "half", "END", "REPORT"] * 2]


def test_blank_lines_and_characters_of_any_size_survive(deploy: Any) -> None:
    text = ["été", "", "日本語", "🦉" * 5000, "\t tab", "NEL\u0085 separator\u2028 end"]
    function = deploy.function(f"def handler(event, context): print('\\n'.join({text!r}))")
    function.invoke()
    assert function.finished_messages()[2:-2] == text


def test_characters_written_in_halves_are_whole_in_the_log(deploy: Any) -> None:
    function = deploy.function(
        """
        import os, time

        def handler(event, context):
            for byte in "é🦉\\n".encode():
                os.write(1, bytes([byte]))
                time.sleep(0.02)
        """
    )
    function.invoke()
    assert "é🦉" in function.finished_messages()


def test_a_line_longer_than_an_event_becomes_several_without_loss(deploy: Any) -> None:
    function = deploy.function("def handler(event, context): print('é🦉x' * 100_000)")
    function.invoke()
    pieces = function.finished_messages()[2:-2]
    assert "".join(pieces) == "é🦉x" * 100_000
    assert len(pieces) == 3
    assert all(len(piece.encode()) + 26 < LARGEST_EVENT for piece in pieces)


def test_a_traceback_is_one_event(deploy: Any) -> None:
    function = deploy.function("def handler(event, context):\n    raise ValueError('wrong')")
    function.invoke()
    (event,) = [text for text in function.finished_messages() if text.startswith("[ERROR]")]
    assert event.startswith("[ERROR] ValueError: wrong\nTraceback (most recent call last):\n")


def test_seventy_thousand_lines_arrive_once_each_and_in_order(deploy: Any) -> None:
    function = deploy.function(
        """
        def handler(event, context):
            for number in range(event, event + 10_000):
                print(f'{{"number": {number}, "text": "{"x" * 150}"}}')
        """
    )
    for first in range(0, 70_000, 10_000):
        function.invoke(str(first))
    lines = [text for text in function.finished_messages(7) if text.startswith("{")]
    assert [json.loads(line)["number"] for line in lines] == list(range(70_000))


def test_the_caller_gets_the_tail_when_it_asks(deploy: Any) -> None:
    function = deploy.function("def handler(event, context):\n    for n in range(2000): print(n)")
    answer = function.invoke(LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail.encode()) == 4096
    assert "\n1998\n1999\nEND RequestId: " in tail
    assert tail.endswith("\t\n")
    short = base64.b64decode(
        deploy.function("def handler(event, context): print('one')").invoke(LogType="Tail")["LogResult"]
    )
    assert short.decode().splitlines()[1] == "one"


def test_each_environment_writes_to_the_stream_of_its_function(deploy: Any) -> None:
    function = deploy.function("def handler(event, context): return context.log_stream_name")
    stream = json.loads(function.invoke()["Text"])
    function.finished_messages()
    assert function.streams() == [stream]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)


def test_a_log_group_made_by_the_template_is_used(deploy: Any) -> None:
    name = deploy.function("def handler(event, context): pass").name + "-again"
    deploy.logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    deploy.logs.put_retention_policy(logGroupName=f"/aws/lambda/{name}", retentionInDays=7)
    function = deploy.function("def handler(event, context): print('kept')", FunctionName=name)
    function.invoke()
    assert "kept" in function.finished_messages()
    (group,) = deploy.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert group["retentionInDays"] == 7
