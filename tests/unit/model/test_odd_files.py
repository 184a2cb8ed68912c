"""Odd files of newcomers: none is misread in silence, and each message says what is wrong and what to do."""

import gzip
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from model.draft import main

Row = list[str]
HEADER = ["id", "balance", "tenure", "plan", "active", "churn"]
Draft = Callable[..., tuple[int, str]]


def people(count: int = 120) -> list[Row]:
    draw = random.Random(1)
    plans, flags = ("Basic", "Plus", "Pro"), ("Yes", "No")
    return [
        [f"C{n:04d}", f"{draw.uniform(0, 5000):.2f}", str(draw.randrange(72)), draw.choice(plans), draw.choice(flags),
         "Yes" if n % 4 == 0 else "No"]
        for n in range(count)
    ]  # fmt: skip


def as_csv(rows: Sequence[Row], header: Row = HEADER, separator: str = ",") -> str:
    return "".join(separator.join(row) + "\n" for row in [header, *rows])


def with_cell(row: int, column: str, *values: str) -> str:
    rows = people()
    for offset, value in enumerate(values):
        rows[row + offset][HEADER.index(column)] = value
    return as_csv(rows)


def with_column(column: str, value: Callable[[int, Row], str]) -> str:
    place = HEADER.index(column)
    return as_csv([[*row[:place], value(n, row), *row[place + 1 :]] for n, row in enumerate(people())])


def by_month(month: Callable[[int], str]) -> str:
    rows = [[row[0], month(m), f"{float(row[1]) + m:.2f}", *row[2:]] for row in people(40) for m in range(6)]
    return as_csv(rows, ["id", "month", *HEADER[1:]])


@pytest.fixture
def draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Draft:
    """Draft a contract from a file; its exit code and everything that it said."""

    def run(content: str | bytes | Path, **options: str) -> tuple[int, str]:
        path = content if isinstance(content, Path) else tmp_path / "odd.csv"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        said = {"label": "churn", "positive": "Yes", "id": "id", "consents": "made up"} | options
        given = [part for name, value in said.items() if value for part in (f"--{name.replace('_', '-')}", value)]
        code = main(["--data", str(path), *given, "--no-cost", "--out", str(tmp_path / "odd.toml")])
        captured = capsys.readouterr()
        assert (tmp_path / "odd.toml").exists() == (code == 0)
        return code, captured.out + captured.err

    return run


REFUSED: dict[str, tuple[str | bytes, dict[str, str], str]] = {
    "a separator at the end of rows": (
        as_csv([[*row, ""] for row in people()]),
        {},
        "it ends with ',' too often; remove what follows the last cell",
    ),
    "a note below": (as_csv(people()) + "\nExported 2026\n", {}, "row 123, column (all): 'Exported 2026': has 1 cell"),
    "two separators": (
        as_csv(people(60)) + as_csv(people()[60:], separator=";").split("\n", 1)[1],
        {},
        "its cells stand apart by ';', those of the header by ','",
    ),
    "a line under the header": (as_csv([["---"] * 6, *people()]), {}, "row 2, column (all): '---,---,---"),
    "lines above the header": ("Report 2026\n" + as_csv(people()), {}, "line 2 holds it: the first line must name"),
    "no header": (
        as_csv(people(), ["C9999", "12.50", "3", "Plus", "Yes", "No"]),
        {},
        "the first line must name the columns, and this one looks",
    ),
    "spaces apart": (as_csv(people(), separator=" "), {}, "stand apart by commas, semicolons, tabs or |"),
    "numbers as a header": ("1,1,0\n2,3,1\n", {}, "the first line must name the columns: is it missing?"),
    "a row of sums without a word": (
        as_csv(
            [
                *(r[1:] for r in people()),
                [f"{sum(float(r[1]) for r in people()):.2f}", str(sum(int(r[2]) for r in people())), "", "", ""],
            ],
            HEADER[1:],
        ),
        {"id": ""},
        "row 122, column (all): '",
    ),
    "an id that is none": (with_cell(5, "id", "N/A"), {}, "row 7, column id: 'N/A': says that there is none"),
    "ids rounded by Excel": (with_column("id", lambda n, _: f"1.{n:03d}E+11"), {}, "was rounded by a spreadsheet"),
    "one UUID in two spellings": (
        with_cell(5, "id", "00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000AA"),
        {},
        "is the id of line 7, spelled otherwise",
    ),
    "no outcome at all": (with_column("churn", lambda *_: ""), {}, "which holds empty cells only"),
    "a mark or nothing": (
        with_column("churn", lambda n, _: "" if n % 4 else "x"),
        {"positive": "x"},
        "If its 90 empty cells mean that they stayed, write so into them",
    ),
    "every outcome positive": (as_csv(people()), {"positive": "Yes,No"}, "name those who left only"),
    "several words for yes and no": (
        with_column("churn", lambda n, _: ("Ja", "Nein", "N", "J")[n % 4]),
        {"positive": "Ja"},
        'NEGATIVE="Nein,N" POSITIVE="Ja,J"',
    ),
    "months as numbers": (by_month(lambda m: str(m + 1)), {}, "Say AS_OF=month, once it holds dates ('1' in line 2"),
    "months as words": (
        by_month(lambda m: ["Jan", "Feb", "Mar", "Apr", "May", "Jun"][m]),
        {"id": ""},
        "Say ID=id AS_OF=month",
    ),
    "months without a day": (
        by_month(lambda m: f"2025-0{m + 1}"),
        {"as_of": "month"},
        "row 2, column month: '2025-01': is a month, not a date; write a day of it, such as 2025-01-01",
    ),
    "months numbered, no id": (by_month(lambda m: f"20250{m + 1}"), {"id": ""}, "40 customers at 6 dates"),
    "rows of tomorrow": (by_month(lambda m: f"2999-0{m + 1}-01"), {"as_of": "month"}, "lies in the future"),
    "id and label only": (
        as_csv([[r[0], r[5]] for r in people()], ["id", "churn"]),
        {},
        "no column is left that a model could learn from",
    ),
    "a gzip": (gzip.compress(as_csv(people()).encode()), {}, "is compressed (gzip), not CSV; unpack it"),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", {}, "is a picture, not CSV"),
    "JSON": (b'[{"id": 1, "churn": "Yes"}]', {}, "is JSON, not CSV"),
    "no text": (bytes(range(1, 256)) * 9, {}, "is no text, so no CSV"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_misread_is_refused_with_the_remedy(draft: Draft, kind: str) -> None:
    content, options, said = REFUSED[kind]
    code, output = draft(content, **options)
    assert code == 1
    assert said in output
    assert "make load" not in output
    assert "contract odd.csv" not in output


READ: dict[str, tuple[str, dict[str, str], str]] = {
    "infinite numbers": (
        with_cell(5, "balance", "inf", "-inf", "nan"),
        {},
        "ASK balance holds '-inf' in line 8, 'inf' in line 7",
    ),
    "mostly infinite": (
        with_column("balance", lambda n, r: "inf" if n % 5 == 0 else r[1]),
        {},
        "left out: balance holds numbers, and too many cells that are none, such as 'inf' (line 2)",
    ),
    "a unit that is not known": (
        with_column("balance", lambda _, r: f"{r[1]} zł"),
        {},
        " zł' (line ",
    ),
    "signs behind": (
        with_column("balance", lambda n, r: r[1] + "-" * (n % 3 == 0)),
        {},
        "too many cells that are none",
    ),
    "months with words": (
        with_column("plan", lambda n, _: f"{['Jan', 'Feb', 'Mar'][n % 3]}-{n % 20:02d}"),
        {},
        "left out: plan holds dates",
    ),
    "dates in words": (with_column("plan", lambda n, _: f"{n % 27 + 1} March 2024"), {}, "left out: plan holds dates"),
    "a long text": (
        with_cell(5, "plan", "word " * 40_000),
        {},
        "left out: plan holds texts, one of 199,999 characters",
    ),
    "yes in many words": (
        with_column("active", lambda n, _: ("Y", "no", "yes", "N", "TRUE", "false")[n % 6]),
        {},
        "active: true or false: ",
    ),
    "spaces that nobody sees": (
        with_column("plan", lambda n, r: r[3] + "\u200b" * (n % 2)),
        {},
        "plan: words: ",
    ),
    "a terminal's commands": (with_cell(5, "plan", "Pl\x1b[31mus\u2028x"), {}, "Pl\\x1b[31mus x (1)"),
    "no id named": (as_csv(people()), {"id": ""}, "a customer is a row of this very file"),
}


@pytest.mark.parametrize("kind", READ)
def test_what_is_read_says_what_became_of_the_odd_cells(draft: Draft, kind: str) -> None:
    content, options, said = READ[kind]
    code, output = draft(content, **options)
    assert code == 0
    assert said in output
    assert all(line.isprintable() for line in output.splitlines())
    assert max(map(len, output.splitlines())) < 500


def test_invisible_characters_make_no_second_word(draft: Draft) -> None:
    _, output = draft(READ["spaces that nobody sees"][0])
    assert sum(int(n) for n in re.findall(r"(?:Pro|Plus|Basic) \((\d+)\)", output)) == 120


def test_a_thousand_columns_are_drafted(draft: Draft) -> None:
    rows = [[row[0], *(str(n * k % 17) for k in range(1000)), row[5]] for n, row in enumerate(people(60))]
    code, output = draft(as_csv(rows, ["id", *(f"f{k}" for k in range(1000)), "churn"]))
    assert code == 0
    assert "inputs" in output
