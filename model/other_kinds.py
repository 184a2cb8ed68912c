"""Recognise files that are not CSV by their first bytes, whatever their names are."""

import re

# The names end a sentence that begins with the file's name.
BEGINNINGS = {
    b"PK\x03\x04": "is an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook (.xls)",
    b"%PDF": "is a PDF",
    b"\x1f\x8b": "is compressed (gzip)",
    b"BZh91AY&SY": "is compressed (bzip2)",
    b"\x28\xb5\x2f\xfd": "is compressed (Zstandard)",
    b"\xfd7zXZ": "is compressed (xz)",
    b"7z\xbc\xaf": "is an archive (7-Zip)",
    b"Rar!": "is an archive (RAR)",
    b"PAR1\x15": "is a Parquet file",
    b"ARROW1\0": "is an Arrow file",
    b"FEA1\0": "is a Feather file",
    b"Obj\x01": "is an Avro file",
    b"SQLite format 3": "is an SQLite database",
    b"{\\rtf": "is a text document (RTF)",
    b"$FL2@": "is an SPSS file",
    b"<stata_dta>": "is a Stata file",
    b"\x89PNG": "is a picture",
    b"\xff\xd8\xff": "is a picture",
    b"GIF8": "is a picture",
    b"\x80\x04": "is a Python pickle",
}
MARKUP = (b"<!doctype", b"<html", b"<table", b"<?xml")
JSON = re.compile(rb'\s*(\[\s*)?\{\s*"')
# Bytes that no text holds, whatever its encoding, but for NUL, which UTF-16 is made of.
NO_TEXT = frozenset(range(1, 9)) | frozenset(range(14, 27)) | frozenset(range(28, 32))


def find_kind(start: bytes) -> str:
    """What kind of file begins so, in words; empty for what may be text."""
    for beginning, kind in BEGINNINGS.items():
        if start.startswith(beginning):
            return kind
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.lower().startswith(MARKUP):
        return "is a web page or XML"
    return "is JSON" if JSON.match(plain) else ""


def is_binary(start: bytes) -> bool:
    """Whether bytes that are no UTF-8 are no text in another encoding either."""
    return sum(byte in NO_TEXT for byte in start) > 0.02 * len(start)
