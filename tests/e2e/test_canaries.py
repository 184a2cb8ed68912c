"""Customers with unmistakable names go through a run with duplicates, faults and a dead letter: nothing names them."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import places
from tests.e2e.canary_people import Canary, canaries, squeeze, write_delivery
from tests.e2e.conftest import Cloud, wait_until
from vigie_local import demo_bank

RUN = "canaries"
FAULTS = {"error_503": 0.2, "reset": 0.1, "not_json": 0.1, "refusal": 0.1, "rate_limited": 0.05}
KINDS = (
    "queue",
    "execution",
    "history",
    "log group",
    "metrics",
    "object",
    "table",
    "file",
    "cmdline",
    "environ",
    "request",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Aftermath:
    """The canaries, and every place's text after all that happened to them."""

    people: list[Canary]
    places: list[tuple[str, str]]


@pytest.fixture(scope="module")
def aftermath(cloud: Cloud) -> Aftermath:
    people = canaries()
    deliver(cloud, people)
    seen: list[tuple[str, str]] = []
    ids = [person.customer_id for person in people]
    with_faults(cloud, lambda: cloud.run(RUN, {"customer_ids": ids, "batch_size": 2}))
    seen += places.processes(cloud)
    deliver_twice(cloud, RUN, batches=3)
    seen += run_with_a_look_into_the_queue(cloud, f"{RUN}-again", {"customer_ids": ids, "batch_size": 6})
    make_dead_letter(cloud, "vigie-nlp", people[0])
    refuse_an_input(cloud)
    seen += places.everywhere(cloud)
    empty_dead_letters(cloud, "vigie-nlp")
    return Aftermath(people, seen)


def deliver(cloud: Cloud, people: list[Canary]) -> None:
    """Load them as a bank does, from files outside the local cloud's home."""
    with tempfile.TemporaryDirectory() as folder:
        write_delivery(Path(folder), people)
        command = [sys.executable, "-m", "model.load", "--demo", "--data", folder]
        assert demo_bank.run_with_cloud(cloud.settings, command) == 0


def with_faults(cloud: Cloud, act: Callable[[], object]) -> None:
    cloud.model_server("PUT", body={"rates": FAULTS, "seed": 3})
    try:
        act()
    finally:
        cloud.model_server("PUT", body={"rates": {}})


def deliver_twice(cloud: Cloud, run_id: str, batches: int) -> None:
    """Send messages again that were answered before, and wait until they were worked on."""
    sqs = cloud.client("sqs")
    ended = "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END'"
    before = cloud.query(ended, run_id)[0][0]
    for queue in ("vigie-nlp", "vigie-prediction", "vigie-action"):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for batch_no in range(batches):
            body = {"run_id": run_id, "batch_no": batch_no, "task_token": "answered-long-ago"}
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    wait_until(lambda: cloud.query(ended, run_id)[0][0] == before + 3 * batches)


def run_with_a_look_into_the_queue(cloud: Cloud, name: str, asked: dict[str, object]) -> list[tuple[str, str]]:
    """Hold the messages of a run's batches in their queue, read them, let the agent have them."""
    functions = cloud.client("lambda")
    mapping = functions.list_event_source_mappings(FunctionName="vigie-nlp-agent")["EventSourceMappings"][0]["UUID"]

    def switch(enabled: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=enabled)
        wanted = "Enabled" if enabled else "Disabled"
        wait_until(lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == wanted)

    switch(False)
    try:
        arn = cloud.start(name, asked)
        wait_until(lambda: cloud.depth("vigie-nlp") > 0)
        held = [place for place in places.queues(cloud) if place[0] == "queue vigie-nlp"]
    finally:
        switch(True)
    assert cloud.wait(arn)["status"] == "SUCCEEDED"
    return [("message held", text) for _, text in held]


def make_dead_letter(cloud: Cloud, queue: str, person: Canary) -> None:
    """A message that no agent can work on ends in the dead-letter queue; its body points at a canary by id.

    It stays to be seen there, although the function behind that queue looks at it, too.
    """
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    patience = hide_for(cloud, queue, "0")
    hide_for(cloud, f"{queue}-dlq", "0")
    try:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"customer_id": person.customer_id}))
        wait_until(lambda: cloud.depth(f"{queue}-dlq") == 1)
    finally:
        hide_for(cloud, queue, patience)


def hide_for(cloud: Cloud, queue: str, seconds: str) -> str:
    """Set how long a received message is hidden; returns how long it was."""
    sqs = cloud.client("sqs")
    url, name = sqs.get_queue_url(QueueName=queue)["QueueUrl"], "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: seconds})
    return str(before)


def empty_dead_letters(cloud: Cloud, queue: str) -> None:
    """Leave the queue as other tests expect it."""
    sqs = cloud.client("sqs")
    hide_for(cloud, f"{queue}-dlq", "360")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{queue}-dlq")["QueueUrl"])
    wait_until(lambda: cloud.depth(f"{queue}-dlq") == 0)


def refuse_an_input(cloud: Cloud) -> None:
    """An execution that fails, whose history therefore tells why."""
    assert cloud.wait(cloud.start(f"{RUN}-refused", {"limit": -1}))["status"] == "FAILED"


def hits(aftermath: Aftermath) -> Counter[str]:
    """Kinds of identifiers found, by place."""
    needles = {needle for person in aftermath.people for needle in person.needles}
    any_of_them = re.compile("|".join(map(re.escape, sorted(needles, key=len, reverse=True))))
    return Counter(
        f"{place}: {found}" for place, text in aftermath.places for found in any_of_them.findall(squeeze(text))
    )


def test_nothing_outside_the_two_tables_names_a_canary(aftermath: Aftermath) -> None:
    assert hits(aftermath) == Counter()


def test_every_kind_of_place_was_searched_and_had_something_to_say(aftermath: Aftermath) -> None:
    said = Counter(dict.fromkeys(KINDS, 0))
    for place, text in aftermath.places:
        said.update({kind: len(text) for kind in KINDS if place.startswith(kind)})
    assert all(said[kind] > 0 for kind in KINDS), said
    assert any(place == "queue vigie-nlp-dlq" for place, _ in aftermath.places)
    assert any(place == "message held" and "batch_no" in text for place, text in aftermath.places)
    assert any("localstack.log" in place for place, _ in aftermath.places)
    assert any(f"{RUN}-refused" in place for place, _ in aftermath.places)


def test_the_search_finds_each_canary_where_personal_data_belong(cloud: Cloud, aftermath: Aftermath) -> None:
    """The control: a search that finds nothing anywhere would prove nothing."""
    rows = cloud.query("SELECT c::text FROM customers c UNION ALL SELECT text FROM feedback")
    belongs = squeeze(" ".join(row[0] for row in rows))
    assert [n for person in aftermath.people for n in person.needles if n not in belongs] == []


def test_each_canarys_feedback_was_asked_about_and_masked(cloud: Cloud, aftermath: Aftermath) -> None:
    masked = cloud.query(
        "SELECT customer_id::text, entity_counts FROM egress_ledger WHERE purpose = 'feedback_analysis'"
        " AND outcome = 'answered' AND run_id LIKE %s",
        f"{RUN}%",
    )
    assert {row[0] for row in masked} == {person.customer_id for person in aftermath.people}
    assert all(sum(row[1].values()) >= 3 for row in masked)


def test_the_run_saw_faults(cloud: Cloud, aftermath: Aftermath) -> None:
    statuses = {text for place, text in aftermath.places if place == "request to the model"}
    assert any('"outcome": "error_503"' in text or '"outcome": "reset"' in text for text in statuses)
    assert cloud.query("SELECT 1 FROM egress_ledger WHERE run_id = %s AND outcome <> 'answered'", RUN)
