"""What every command of `vigie` is made in: where it acts, how it ends, how it prints."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, Concatenate

import click
from botocore.exceptions import BotoCoreError, ClientError

from vigie.trail import TrailError
from vigie_operations.errors import OperationError
from vigie_operations.targets import Target


def operation[**P](do: Callable[Concatenate[Target, bool, P], int]) -> Callable[P, None]:
    """Turn a function of a target and `as_json` into a command's body: errors end with code 2 and the remedy."""

    @functools.wraps(do)
    def command(*arguments: P.args, **options: P.kwargs) -> None:
        choose, as_json = click.get_current_context().obj
        try:
            code = do(choose(), as_json, *arguments, **options)
        except (OperationError, TrailError) as error:
            click.echo(str(error), err=True)
            code = 2
        except (BotoCoreError, ClientError) as error:
            click.echo(f"AWS refused the operation: {error}", err=True)
            code = 2
        sys.exit(code)

    return command


def show(result: Any, as_json: bool) -> None:
    """Print lines of text, or a result as JSON."""
    click.echo(json.dumps(result, indent=2) if as_json else "\n".join(result))
