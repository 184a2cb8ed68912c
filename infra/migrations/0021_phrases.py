"""Load the phrase bank of phrases/*.toml, a file for each kind of sentence, into the table of phrases."""

import tomllib
from pathlib import Path
from typing import Any

from yoyo import step  # type: ignore[import-untyped]

__depends__ = {"0021_composed_wording"}
CONDITIONS = ("tones", "topics", "causes", "segments", "offers")


def load(connection: Any) -> None:
    """Insert every sentence; the table's constraints refuse one that is not whole."""
    cursor = connection.cursor()
    for path in sorted((Path(__file__).parent / "phrases").glob("*.toml")):
        for kind, sentences in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for phrase_id, given in sentences.items():
                if strange := given.keys() - {"fr", "en", "leaving", *CONDITIONS}:
                    raise ValueError(f"{path.name}, {phrase_id}: {', '.join(sorted(strange))} is no condition")
                cursor.execute(
                    "INSERT INTO phrases (phrase_id, kind, text_fr, text_en, leaving,"
                    " tones, topics, causes, segments, offers) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (phrase_id, kind, given["fr"], given["en"], given.get("leaving"),
                     *(given.get(name, []) for name in CONDITIONS)),
                )  # fmt: skip


steps = [step(load)]
