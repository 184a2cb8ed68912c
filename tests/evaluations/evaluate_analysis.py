"""Score the model that the secret points at on labelled feedback: `make evaluate-analysis FILE=… JSON=…`."""

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from tests.evaluations.analysis_figures import Finding, Judged, figures
from tests.evaluations.privacy.labelled import CannotMeasureError, identity_of, numbered_lines
from vigie.command_line import run_command
from vigie.secrets import LlmSecret
from vigie.vocabulary import Sentiment
from vigie_llm.analysis import TOPICS, ask_for_analysis, read_analysis
from vigie_llm.client import GroqModel
from vigie_llm.errors import AnswerRejectedError, EgressBlockedError, LlmError
from vigie_llm.pseudonymise import pseudonymise
from vigie_local.secrets import LLM_SECRET
from vigie_local.settings import load_settings

ANNOTATION = re.compile(r"\[\[([A-Z_]+)\|([^\[\]|]+)\]\]")
PROMPT_VERSION = "analysis-2"
CALL_BUDGET_SECONDS = 120.0
CONCURRENCY = 8

Analyse = Callable[[Mapping[str, Any]], Finding]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when nothing could be measured, never for a low figure."""
    options = _parser().parse_args(arguments)
    try:
        rows = list(labelled(options.file))
        secret = _secret(options)
        model = GroqModel(secret)
        measured = measure(rows, lambda row: analysed(model, row, options.prompt_version), CONCURRENCY)
    except (CannotMeasureError, LlmError) as error:
        print(f"evaluate-analysis: cannot measure: {error}", file=sys.stderr)
        return 1
    about = {"provider": secret.provider, "model": secret.model, "prompt_version": options.prompt_version}
    measured = {"file": options.file.name} | about | measured
    show(measured)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def labelled(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a labelled JSONL file; CannotMeasureError names the line that cannot be used."""
    numbered = numbered_lines(path)
    if not numbered:
        raise CannotMeasureError(f"FILE={path}: no labelled feedback in it")
    for number, line in numbered:
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CannotMeasureError(f"{path.name}, line {number}: not a JSON object ({error})") from error
        problem = _problem_of(row)
        if problem:
            raise CannotMeasureError(f"{path.name}, line {number}: {problem}; see tests/data/feedback_dev.md")
        yield row


def _problem_of(row: object) -> str | None:
    """What keeps a row from being scored: field, value, remedy."""
    if not isinstance(row, dict):
        return "not a JSON object"
    missing = {"text", "language", "sentiment", "topics"} - set(row)
    if missing:
        return f"{', '.join(sorted(missing))} missing"
    if row["language"] not in {"fr", "en"}:
        return f"language {row['language']!r} is not known, use fr or en"
    if row["sentiment"] not in tuple(Sentiment):
        return f"sentiment {row['sentiment']!r} is not known, use one of {', '.join(Sentiment)}"
    if not isinstance(row["text"], str):
        return f"text {row['text']!r} is not a text"
    strange = set(map(str, row["topics"])) - set(TOPICS) if isinstance(row["topics"], list) else {repr(row["topics"])}
    return f"topics {', '.join(sorted(strange))} not known, use a list of {', '.join(TOPICS)}" if strange else None


def raw_text(annotated: str) -> str:
    """The text as the customer wrote it: annotations give way to their surface."""
    return ANNOTATION.sub(lambda match: match.group(2), annotated)


def analysed(model: GroqModel, row: Mapping[str, Any], prompt_version: str) -> Finding:
    """One text through the agent's own path: pseudonymised, asked, validated.

    Raises:
        LlmError: the call was blocked, got no answer, or its answer was refused.
    """
    known = identity_of(row.get("customer") or {})
    safe = pseudonymise(raw_text(row["text"]), known, row["language"])
    request = ask_for_analysis(prompt_version, safe.text, row["language"], known)
    deadline = time.monotonic() + CALL_BUDGET_SECONDS
    analysis = read_analysis(request, model.complete(request, lambda: deadline - time.monotonic(), lambda: None))
    return Finding(analysis.sentiment, frozenset(analysis.topics), analysis.intent_to_leave)


def measure(rows: Sequence[Mapping[str, Any]], analyse: Analyse, concurrency: int) -> dict[str, Any]:
    """Figures over all rows. Refused answers and blocked calls count as wrong; no answer ends the measurement."""
    reasons: Counter[str] = Counter()

    def judged(row: Mapping[str, Any]) -> Judged:
        wanted = Finding(row["sentiment"], frozenset(row["topics"]), bool(row.get("intent_to_leave")))
        try:
            return Judged(row["language"], wanted, analyse(row))
        except (AnswerRejectedError, EgressBlockedError) as error:
            reasons[type(error).__name__] += 1
            return Judged(row["language"], wanted, None)

    began = time.monotonic()
    with ThreadPoolExecutor(concurrency) as pool:
        results = list(pool.map(judged, rows))
    return figures(results) | {
        "invalid_reasons": dict(reasons),
        "seconds": round(time.monotonic() - began, 2),
    }


def show(measured: Mapping[str, Any]) -> None:
    """Print the tables."""
    console = Console()
    console.print(f"{measured['model']} ({measured['provider']}) on {measured['file']}, {measured['texts']} texts")
    console.print(_summary_table(measured))
    console.print(_class_table("sentiment", measured["sentiments"]))
    console.print(_class_table("topic", measured["topics"]))
    console.print(f"invalid answers: {measured['invalid']} {measured['invalid_reasons'] or ''}")


def _summary_table(measured: Mapping[str, Any]) -> Table:
    table = Table()
    names = ("sentiment_accuracy", "topic_micro_f1", "topic_macro_f1", "intent_to_leave_f1")
    for column in (
        "language",
        "texts",
        "sentiment accuracy",
        "topic micro F1",
        "topic macro F1",
        "leave F1",
        "invalid",
    ):
        table.add_column(column, justify="left" if column == "language" else "right")
    for language, part in (("all", measured), *measured["languages"].items()):
        values = (f"{part[name]:.3f}" for name in names)
        table.add_row(language, str(part["texts"]), *values, str(part["invalid"]))
    return table


def _class_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table()
    for column in (title, "labelled", "precision", "recall", "F1"):
        table.add_column(column, justify="left" if column == title else "right")
    for name, row in rows.items():
        figures_of_row = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(name, str(row["labelled"]), *figures_of_row)
    return table


def _secret(options: argparse.Namespace) -> LlmSecret:
    if options.base_url:
        key = os.environ.get(options.api_key_env, "") if options.api_key_env else "none"
        if not key:
            raise CannotMeasureError(f"{options.api_key_env} is empty: put the key into it, or leave --api-key-env out")
        return LlmSecret(options.provider, options.base_url, key, options.model)
    return _deployed_secret()


def _deployed_secret() -> LlmSecret:
    settings = load_settings()
    client = boto3.client(
        "secretsmanager",
        endpoint_url=settings.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}),
    )
    try:
        text = client.get_secret_value(SecretId=LLM_SECRET)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise CannotMeasureError(
            f"secret {LLM_SECRET} cannot be read at {settings.endpoint} ({type(error).__name__}); "
            "run make deploy-local, or name a model with --base-url"
        ) from error
    return LlmSecret.parse(LLM_SECRET, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluations.evaluate_analysis", description=__doc__)
    parser.add_argument("file", type=Path, help="labelled JSONL, format of tests/data/feedback_dev.md")
    parser.add_argument("--json", type=Path, help="write the figures here as JSON")
    parser.add_argument("--base-url", help="ask this model instead of the one in the secret; ends before /v1")
    parser.add_argument("--model", default="vigie-local-rules")
    parser.add_argument("--provider", default="local", choices=("local", "groq", "openai-compatible"))
    parser.add_argument("--api-key-env", help="name of the variable that holds the key")
    parser.add_argument("--prompt-version", default=PROMPT_VERSION)
    return parser


if __name__ == "__main__":
    run_command(main)
