"""What commands show of files: values as a terminal may show them, and what a large file took."""

import resource
import sys
import time
from collections.abc import Iterator

SHOWN_CHARACTERS, MANY_ROWS = 60, 100_000


def printable(text: str) -> str:
    """A line as a terminal may show it: what a file holds must not move its cursor or turn its writing round."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """A value as it is shown in a line: its beginning, where it is long; line breaks as spaces."""
    text = " ".join(text[: 2 * most].split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Effort:
    """The time and memory that a command takes, said of files so large that it matters."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def describe(self, rows: int) -> Iterator[str]:
        """One line for a large file, none for a small one."""
        if rows >= MANY_ROWS:
            unit = 1e9 if sys.platform == "darwin" else 1e6
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
            seconds = time.monotonic() - self._began
            said = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
            yield f"took {said} and {peak:.2f} GB of memory for {rows:,} rows"
