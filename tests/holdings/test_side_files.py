"""Files that are no FITS, told by name or by content."""

from __future__ import annotations

import gzip

import pytest
from product_files import product_at

from vo_service.holdings.side_files import START, classify_side_file

DIGEST = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
LOG = (
    "2019-01-01 10:00:00,123 INFO began\n2019-01-01 10:00:01,456 INFO read\n2019-01-01 10:00:02,1 INFO done\n"
)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("README", "document"),
        ("qa2_report.pdf", "document"),
        ("scriptForPI.py", "document"),
        ("t.csv.gz", "table"),
        ("x.fits.header", "document"),
        ("data.bin", "unknown"),
    ],
)
def test_a_name_tells_the_role_of_a_side_file(name: str, role: str) -> None:
    assert classify_side_file(product_at(name), b"\x00\x01").role == role


@pytest.mark.parametrize(
    ("content", "role"),
    [
        (b"SIMPLE  = T\nEND\n", "document"),
        ("\u00e9".encode() * START, "document"),
        (b"x" + "\u00e9".encode() * START, "document"),  # the first bytes read end within a letter
        (b"", "unknown"),
        (b"   \n", "unknown"),
        (b"text and \x00 more", "unknown"),
        (b"caf\xe9 and more text", "unknown"),
        (b"\x89PNG\r\n\x1a\nxx", "document"),
        (b"%PDF-1.4\n\x00", "document"),
        (b"PAR1\x00\x00", "table"),
        (b"antenna,pad\nDA01,A001\nDV02,A007\nDV03,A008\n", "table"),
        (b'name;"a; b"\nx;1\ny;2\nz;3\n', "table"),
        (b"# made by hand\nra\tdec\n1\t2\n3\t4\n5\t6\n", "table"),
        (b"<?xml version='1.0'?>\n<VOTABLE version='1.4'>\n", "table"),
        (b"# %ECSV 1.0\n# ---\n", "table"),
        (b"<html><body>One, two\nthree, four\nfive, six</body></html>\n", "document"),
        (LOG.encode(), "document"),
        (b"import os\nx = f(1, 2)\nprint(x, 3)\n", "document"),
    ],
)
def test_content_tells_the_role_of_a_file_with_a_name_that_says_nothing(content: bytes, role: str) -> None:
    assert classify_side_file(product_at(DIGEST), content[:START]).role == role
    packed = gzip.compress(content)
    if len(packed) <= START:
        assert classify_side_file(product_at(DIGEST), packed).role == role


def test_a_table_longer_than_what_is_read_may_end_within_a_line() -> None:
    content = b"a,b,c\n" + b"10,20,30\n" * 2000
    assert classify_side_file(product_at(DIGEST), content[:START]).role == "table"
