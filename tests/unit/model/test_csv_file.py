"""The one reader of CSV files: strict, and whatever the bytes, a table or a named error comes out."""

import contextlib
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.contract import ContractError
from model.csv_file import open_csv
from model.draft import Asked, draft
from model.row_faults import DataError, Fault
from model.validate import read_table
from tests.unit.model.test_validate import GYM

HEADER = "id,balance,plan,churn\n"


def rows_of(path: Path) -> tuple[list[list[str]], list[Fault]]:
    faults: list[Fault] = []
    return [row.cells for row in open_csv(path).rows(faults)], faults


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_csv(path)
    return caught.value.show()


FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.sampled_from(
    ["id", "churn", "Yes", "No", ",", ";", "\t", "|", '"', '""', "\n", "\r", "\r\n", "\0", " ", "1", "1,5", "é",
     "\ufeff", "inf", "nan", "sep=;", "-", "Total", "x" * 200, "\u2028", "\x85", "1e999"]
)  # fmt: skip


def try_to_read(path: Path) -> None:
    """Read a file in every way; only named errors may come out."""
    asked = [Asked("fuzz", i, "churn", "Yes", 90, "x") for i in ("id", "(row number)")]
    for read in (
        lambda: rows_of(path), lambda: read_table(path, GYM, labelled=True), lambda: draft(path, asked[0]),
        lambda: draft(path, asked[1]),
    ):  # fmt: skip
        with contextlib.suppress(DataError, ContractError):
            read()


@FUZZ
@given(content=st.binary(max_size=300))
def test_any_bytes_give_a_table_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    try_to_read(write(tmp_path, content))


@FUZZ
@given(pieces=st.lists(PIECES, max_size=60))
def test_any_text_of_marks_gives_a_table_or_a_named_error(tmp_path: Path, pieces: list[str]) -> None:
    try_to_read(write(tmp_path, "".join(pieces)))


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=8)


@FUZZ
@given(cells=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
def test_what_is_quoted_as_the_rule_says_comes_back_as_it_was(tmp_path: Path, cells: list[tuple[str, ...]]) -> None:
    lines = ["a,b,c", *(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in cells)]
    file = open_csv(write(tmp_path, "\n".join(lines)))
    faults: list[Fault] = []
    read = [row.cells for row in file.rows(faults)]
    assert not [f for f in faults if "quote" in f.remedy]
    filled = [row for row in cells if any(map(str.strip, row))]  # a row without any text is a blank line
    expected = [[unicodedata.normalize("NFC", c) for c in row] for row in filled]
    if not faults:
        assert read == expected


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            'C1,1,"Basic,No\nC2,2,Plus",No\n',
            "opens a quote in line 2 that is not closed there, and line 3 looks like a row",
        ),
        ('C1,1,"Basic,No\n', "opens a quote in line 2 that is not closed there, and is never closed"),
        ('C1,1,Ba"sic,No\nC2,2,Plus,No\n', "opens a quote in line 2"),
        ('C1,1,"Basic"x,No\n', "has a quote where none may stand"),
        ('C1,1,5" by 6",No\n', "has a quote where none may stand"),
        ("C1,1,Basic\n", "has 3 cells where the header has 4; a cell or the end of the row is missing"),
        ("C1,1,234,Basic,No\n", 'write 1,234 as "1,234"'),
        ("id,balance,plan,churn\n", "repeats the header; remove the line"),
        ("C1,1,Basic,No\nTotal,1,,\n", "looks like a row of totals"),
        ("C1,1,Ba\0sic,No\n", "row 2, column plan: 'Ba\\x00sic': holds a NUL character; remove it"),
    ],
)
def test_each_kind_of_broken_row_is_named_with_its_remedy(tmp_path: Path, row: str, said: str) -> None:
    _, faults = rows_of(write(tmp_path, HEADER + row))
    assert said in str(faults[0])


def test_line_breaks_and_quotes_in_a_sound_cell_are_kept(tmp_path: Path) -> None:
    text = 'id,text,n\n1,"Hello, there\nsays ""me"", and you, and so on",3\n2, "spaced" ,4\n'
    read, faults = rows_of(write(tmp_path, text))
    assert faults == []
    assert read == [["1", 'Hello, there\nsays "me", and you, and so on', "3"], ["2", "spaced", "4"]]


def test_a_list_in_a_message_is_no_row(tmp_path: Path) -> None:
    first = "11111111-1111-4111-8111-111111111111,C1,2026-01-01T00:00:00Z,app,fr,bonjour\n"
    second = '22222222-2222-4222-8222-222222222222,C1,2026-01-01T00:00:00Z,app,fr,"oui\noui,non,oui,non,oui,non\n1,5"\n'
    read, faults = rows_of(
        write(tmp_path, "feedback_id,customer_id,received_at,channel,language,text\n" + first + second)
    )
    assert faults == []
    assert read[1][5] == "oui\noui,non,oui,non,oui,non\n1,5"


def test_a_fault_names_the_line_of_an_editor_whatever_came_before(tmp_path: Path) -> None:
    _, faults = rows_of(write(tmp_path, 'id,text\n\n1,"two\nlines"\n;\n2\n'))
    assert [f.row for f in faults] == [5, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_line_ends_are_found(tmp_path: Path, end: str, separator: str) -> None:
    text = end.join(separator.join(row) for row in (("a", "b c"), ("1", "2"), ("3", "4"))) + end
    assert rows_of(write(tmp_path, text)) == ([["1", "2"], ["3", "4"]], [])


def test_a_comma_in_a_name_does_not_hide_the_semicolons(tmp_path: Path) -> None:
    file = open_csv(write(tmp_path, "Solde, moyen;Âge\n1,5;30\n2,5;31\n"))
    assert (file.separator, file.header) == (";", ("Solde, moyen", "Âge"))


def test_the_separator_that_excel_declares_is_taken(tmp_path: Path) -> None:
    assert rows_of(write(tmp_path, "sep=;\na;b\n1;2\n")) == ([["1", "2"]], [])


def test_headers_are_trimmed_and_in_composed_unicode(tmp_path: Path) -> None:
    header = unicodedata.normalize("NFD", "Ancienneté ,Âge , ")
    assert open_csv(write(tmp_path, f"{header}\n1,2,3\n")).header == ("Ancienneté", "Âge", "")


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert "column plan: stands in the header twice" in refusal(write(tmp_path, "id,plan,plan \n1,2,3\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "is an Excel workbook or a ZIP archive, not CSV; export it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel workbook (.xls), not CSV; export it as CSV UTF-8"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"<html><table>", "is a web page"),
        ("id,churn\n1,Yes\n".encode("utf-16-le"), "holds NUL bytes, as UTF-16 without its mark"),
        (b"", "is empty; the first line names the columns"),
        (b"id\xff,churn\n", "row 1, column (all): is not UTF-8"),
        (b"\xff\xfei\x00d\x00\n", "is not whole UTF-16"),
    ],
)
def test_what_is_no_csv_is_refused_with_the_true_remedy(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(write(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.csv")
    assert "is a folder; name one CSV file in it" in refusal(tmp_path)
    (tmp_path / "link.csv").symlink_to("nothing.csv")
    assert "is a link to what is not there" in refusal(tmp_path / "link.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is no regular file (a pipe or a device)" in refusal(tmp_path / "pipe.csv")
    assert "cannot be read: File name too long" in refusal(tmp_path / ("x" * 300))


def test_an_open_quote_does_not_swallow_the_file_into_memory(tmp_path: Path) -> None:
    text = 'text\n"open\n' + "words without an end\n" * 3000
    _, faults = rows_of(write(tmp_path, text))
    assert "nor in the 2,001 lines after it" in faults[0].remedy
