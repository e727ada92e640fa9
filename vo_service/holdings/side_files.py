"""The role of a file that is no FITS: document or table, by its name or else by how its content begins."""

from __future__ import annotations

import csv
import re
import zlib
from dataclasses import replace
from pathlib import PurePosixPath

from vo_service.holdings.records import Product
from vo_service.pixels.fits_file import GZIP_MAGIC

START = 8192
"""Bytes from the beginning of a file that suffice to tell its kind."""

_DOCUMENTS = frozenset({
    ".pdf", ".txt", ".md", ".rst", ".html", ".htm", ".log", ".py", ".sh", ".xml", ".json", ".yaml", ".yml",
    ".png", ".jpg", ".jpeg", ".gif", ".ps", ".eps", ".hdr", ".header", ".ini", ".cfg", ".tex", ".doc",
    ".docx",
})  # fmt: skip
_TABLES = frozenset({".csv", ".tsv", ".ecsv", ".vot", ".votable", ".tbl", ".parquet"})
_DOCUMENT_NAMES = frozenset({"readme", "license", "changelog", "manifest"})
_MAGIC = (
    (b"%PDF-", "document", "PDF"),
    (b"%!PS", "document", "PostScript"),
    (b"\x89PNG\r\n\x1a\n", "document", "a PNG picture"),
    (b"\xff\xd8\xff", "document", "a JPEG picture"),
    (b"GIF8", "document", "a GIF picture"),
    (b"PAR1", "table", "Parquet"),
)
_DELIMITERS = ",\t;|"
_COLUMN_NAME = re.compile(r"\s*[A-Za-z_][\w .,;()/\[\]%^*+-]{0,40}\s*$")
_FEWEST_LINES = 3


def classify_side_file(product: Product, start: bytes) -> Product:
    """Role of a file that is no FITS from the ending or the first word of its name, else from ``start``,
    its first bytes."""
    path = PurePosixPath(product.file.path)
    suffix = PurePosixPath(path.name.lower().removesuffix(".gz")).suffix
    if suffix in _TABLES:
        return replace(product, role="table", evidence=f"not FITS; a table by its ending {suffix}")
    if suffix in _DOCUMENTS or path.name.lower().split(".")[0] in _DOCUMENT_NAMES:
        return replace(product, role="document", evidence=f"not FITS; a document by its name {path.name}")
    role, evidence = _role_of_start(_unpacked(start))
    return replace(product, role=role, evidence=f"not FITS; {evidence}")


def _role_of_start(start: bytes) -> tuple[str, str]:
    for magic, role, kind in _MAGIC:
        if start.startswith(magic):
            return role, f"its first bytes are those of {kind}"
    text = read_text(start)
    if text is None:
        return "unknown", "neither name nor content tells what it is"
    if text.startswith("# %ECSV") or "<VOTABLE" in text:
        return "table", "a table by its first words"
    columns = _count_columns(text)
    if columns:
        return "table", f"every line has {columns} fields, the first their names"
    return "document", "plain text from its first byte on"


def read_text(start: bytes) -> str | None:
    """The text that a file begins with: UTF-8 without control characters; None where it is none or blank."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # else a letter was cut at the end
            return None
        text = start[: error.start].decode()
    plain = all(letter.isprintable() or letter in "\t\n\r\f" for letter in text)
    return text if plain and text.strip() else None


def _count_columns(text: str) -> int:
    """Fields in every line of a delimited table whose first line names its columns; 0 where it is none."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(text) >= START - 3:
        lines = lines[:-1]  # the last one was cut
    if len(lines) < _FEWEST_LINES:
        return 0
    for delimiter in _DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        columns = len(rows[0])
        if columns < 2 or any(len(row) != columns for row in rows):
            continue
        if all(_COLUMN_NAME.match(name) for name in rows[0]):
            return columns
    return 0


def _unpacked(start: bytes) -> bytes:
    """What a gzip stream begins with; other bytes as they are."""
    if not start.startswith(GZIP_MAGIC):
        return start
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, START)
    except zlib.error:
        return start
