"""Count a run of the local cloud and estimate its cost on AWS: `python -m tests.evaluations.cost [--run RUN]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.evaluations.cost.closing import CLOSING_SIZES, closing_lines, closing_of
from tests.evaluations.cost.counting import Counts, Query, count_run
from tests.evaluations.cost.estimate import AGENTS, SIZES, Deployed, as_dict, estimate, monthly
from tests.evaluations.cost.prices import PriceList, read_prices
from tests.evaluations.cost.report import NOTES, counted_lines, dollar_lines, monthly_lines, time_lines
from vigie.command_line import run_command
from vigie_local.localstack import aws_client
from vigie_local.migrations import OWNER
from vigie_local.secrets import role_passwords
from vigie_local.services import cloud_services, database_server, local_aws, not_running
from vigie_local.settings import DATABASE, LocalSettings, load_settings
from vigie_operations.errors import OperationError, RunError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when there is no run to count."""
    parser = argparse.ArgumentParser("tests.evaluations.cost", description=__doc__)
    parser.add_argument("--run", default="", help="the run to count; the newest that succeeded")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        counts = count_of(settings, given.run)
    except OperationError as error:
        print(error, file=sys.stderr)
        return 1
    show(counts, read_prices(), deployed_as(settings), given.json)
    return 0


def show(counts: Counts, prices: PriceList, deployed: Deployed, path: Path | None) -> None:
    """Print every table; write JSON when asked."""
    estimates = [estimate(counts, prices, size, deployed) for size in SIZES]
    closings = [closing_of(counts, estimate(counts, prices, size, deployed)) for size in CLOSING_SIZES]
    months = monthly(prices, counts)
    blocks = (
        counted_lines(counts), dollar_lines(estimates, prices), monthly_lines(months),
        time_lines(counts, estimates, deployed), closing_lines(closings), list(NOTES),
    )  # fmt: skip
    print("\n\n".join("\n".join(block) for block in blocks))
    if path:
        written: dict[str, Any] = {
            "prices": {"region": prices.region, "as_of": prices.as_of},
            "counted": asdict(counts),
            "deployed": asdict(deployed),
            "runs": [as_dict(one) for one in estimates],
            "closings": [asdict(one) | {"seconds": one.seconds} for one in closings],
            "monthly_dollars": {name: round(value, 2) for name, value in months.items()},
        }
        path.write_text(json.dumps(written, indent=2) + "\n")


def count_of(settings: LocalSettings, run_id: str) -> Counts:
    """Count a run of a running local cloud.

    Raises:
        RunError: the cloud does not run, or there is no such run.
    """
    if idle := not_running(cloud_services(settings)):
        raise RunError(f"Not running: {', '.join(idle)}. Start the local cloud: make deploy-local")
    return count_run(
        lambda service: aws_client(service, settings.endpoint), _reader(settings), local_aws(settings).log, run_id
    )


def deployed_as(settings: LocalSettings) -> Deployed:
    """Batch size and environments, as deployed. An agent without a limit has one for each batch under way."""
    client = aws_client("lambda", settings.endpoint)
    planner = client.get_function_configuration(FunctionName="vigie-planner")["Environment"]["Variables"]
    environments = {}
    for agent in AGENTS:
        [mapping] = client.list_event_source_mappings(FunctionName=f"vigie-{agent}")["EventSourceMappings"]
        limit = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        environments[agent] = int(limit or planner["MAX_CONCURRENCY"])
    return Deployed(
        int(planner["BATCH_SIZE"]), int(planner["NLP_ENVIRONMENTS"]) * int(planner["LLM_CONCURRENCY"]), environments
    )


def _reader(settings: LocalSettings) -> Query:
    password = role_passwords(settings.private)[OWNER]

    def query(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        connection = database_server(settings).connect(DATABASE, OWNER, password)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall()
        finally:
            connection.close()

    return query


if __name__ == "__main__":
    run_command(main)
