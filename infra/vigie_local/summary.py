"""What a person reads at the end of a deployment: the dashboard's address and what to try next."""

from __future__ import annotations

from vigie_local.localstack import CREDENTIALS
from vigie_local.settings import LocalSettings


def what_next(settings: LocalSettings) -> list[str]:
    """The dashboard's address, three commands to try, and what the AWS command line needs."""
    endpoint = f"http://localhost:{settings.localstack_port}"
    exports = {"AWS_ENDPOINT_URL": endpoint} | {
        name: value for name, value in CREDENTIALS.items() if name != "AWS_REGION"
    }
    return [
        f"Dashboard: {settings.dashboard_url}",
        "",
        "Try next:",
        "  make run INPUT='{\"limit\": 50}'    another run, 50 customers",
        "  make logs AGENT=nlp               what the agent that reads feedback writes",
        "  make down                         stop everything",
        "",
        "The AWS command line on this local cloud (it is .venv/bin/aws):",
        *[f"  export {name}={value}" for name, value in exports.items()],
        "  aws stepfunctions list-executions --state-machine-arn "
        "arn:aws:states:us-east-1:000000000000:stateMachine:vigie-retention-run",
        "  aws sqs list-queues --endpoint-url $AWS_ENDPOINT_URL    (for sqs, it ignores the variable)",
    ]
