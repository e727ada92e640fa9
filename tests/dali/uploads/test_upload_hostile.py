"""Files made to harm: each is refused at once, in little memory, with a reason."""

from __future__ import annotations

import gzip
import io
import re
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa
import pytest
from growth import processor_seconds
from upload_tables import NAMESPACE, fault_of, field, read, read_any, rows_of, stream, tabledata, votable

from vo_service.dali.uploads import ReadLimits, UploadFault
from vo_service.dali.uploads.rows import Rows
from vo_service.dali.uploads.votable import read_votable
from vo_service.dali.uploads.xml_stream import XmlStream

X = [field("x", "int")]
T = TypeVar("T")
ONE = tabledata([["1"]])
GOOD = votable(X, ONE)

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
)
ATTACKS = {
    "billion laughs": f"{LAUGHS}]><VOTABLE>&m;</VOTABLE>",
    "an entity from a file": '<!DOCTYPE v [<!ENTITY e SYSTEM "file:///etc/passwd">]><VOTABLE>&e;</VOTABLE>',
    "an entity from a host": '<!DOCTYPE v [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]><VOTABLE>&e;</VOTABLE>',
    "a parameter entity": '<!DOCTYPE v [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><VOTABLE/>',
    "a document type elsewhere": '<!DOCTYPE VOTABLE SYSTEM "http://us-vo.org/xml/VOTable.dtd"><VOTABLE/>',
    "a public document type": '<!DOCTYPE VOTABLE PUBLIC "-//x//y" "http://127.0.0.1:9/"><VOTABLE/>',
    "a plain document type": "<!DOCTYPE VOTABLE><VOTABLE/>",
    "attribute defaults": '<!DOCTYPE v [<!ATTLIST TD encoding CDATA "base64">]><VOTABLE/>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_document_types_and_entities_are_refused(attack: str, encoding: str) -> None:
    # VOT-180
    declared = "utf-16" if encoding.startswith("utf-16") else "utf-8"
    content = f'<?xml version="1.0" encoding="{declared}"?>{attack}'.encode(encoding)
    if encoding in ("utf-16-be", "utf-16-le"):
        content = "\ufeff".encode(encoding) + content
    assert fault_of(content).message.startswith("the document has a DOCTYPE or entities of its own")


def test_documents_without_a_byte_order_mark_are_no_way_round() -> None:
    # VOT-180
    for encoding in ("utf-16-be", "utf-16-le"):
        assert "DOCTYPE" in fault_of("<!DOCTYPE VOTABLE><VOTABLE/>".encode(encoding)).message


@pytest.mark.parametrize(
    "declared", ["utf-7", "utf-32", "ebcdic-cp-us", "rot13", "base64", "idna", "nonsense", "x" * 500]
)
def test_encodings_of_other_worlds(declared: str) -> None:
    # VOT-005, VOT-180
    assert fault_of(f'<?xml version="1.0" encoding="{declared}"?><VOTABLE/>').message


def test_an_encoding_that_contradicts_its_declaration() -> None:
    # VOT-005
    assert fault_of(GOOD.replace("UTF-8", "UTF-16")).message
    assert fault_of(GOOD.replace("UTF-8", "US-ASCII").replace(">1<", ">é<")).message
    assert fault_of(GOOD.replace(">1<", ">é<").encode("iso-8859-1")).message


def test_xinclude_is_a_foreign_element() -> None:
    # VOT-180
    text = GOOD.replace(
        "<TABLE>", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///x"/><TABLE>'
    )
    assert rows_of(read(text)) == [(1,)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"<VOTABLE>{'<RESOURCE>' * 100_000}", "nested deeper than 64"),
        (f'<VOTABLE xmlns="{NAMESPACE}"><a xmlns="x">{"<b>" * 100_000}', "nested deeper than 64"),
        ("<VOTABLE>" + '<GROUP name="g">' * 100, "nested deeper than 64"),
        (f"<VOTABLE><!--{'x' * 1_000_000}--></VOTABLE>", "a tag, comment or attribute is longer than"),
        (f"<VOTABLE a='{'x' * 1_000_000}'/>", "a tag, comment or attribute is longer than"),
        (f"<VOTABLE {' '.join(f'a{n}={n!r}' for n in range(100_000))}/>", "not well-formed"),
        ("<VOTABLE " + " ".join(f"a{n}='{n}'" for n in range(100_000)) + "/>", "longer than"),
        (f"<{'x' * 1_000_000}/>", "longer than"),
        (f"<?{'x' * 1_000_000}?><VOTABLE/>", "longer than"),
        ("<VOTABLE a='1' a='2'/>", "duplicate attribute"),
    ],
)
def test_tokens_without_end(text: str, told: str) -> None:
    # VOT-181
    assert told in fault_of(text, size=1 << 24).message


def inside(content: str, attributes: str = "") -> str:
    """A good document with some more in front of its table."""
    return GOOD.replace("<TABLE>", f"{content}<TABLE>").replace("<VOTABLE", f"<VOTABLE {attributes}")


def peak_bytes() -> int:
    """The most memory that this process had since its peak was last forgotten."""
    (found,) = re.findall(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    return int(found) << 10


def with_growth(work: Callable[[], T]) -> tuple[T, int]:
    """What the work returns, and the bytes by which this process was larger meanwhile than before; what is
    outside of Python's own memory included, and whatever peak there was before."""
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_bytes()
    return work(), peak_bytes() - before


def test_memory_is_measured_below_a_peak_from_before() -> None:
    for _ in range(2):
        content, grown = with_growth(lambda: b"x" * (64 << 20))
        assert grown >= len(content) - (1 << 20)
        del content


LONG = f'xmlns:a="{"u" * 100_000}"'


@pytest.mark.parametrize(
    "text",
    [
        inside("".join(f"<a:b{n}/>" for n in range(5000)), LONG),
        inside("<INFO " + " ".join(f"a:b{n}=''" for n in range(5000)) + "/>", LONG),
        inside("<a:b/>" * 5000, LONG),
    ],
    ids=["elements", "attributes", "one element"],
)
def test_a_long_namespace_is_not_written_out_for_each_name(text: str) -> None:
    # VOT-181: the parser itself would do so, outside of what tracemalloc sees
    found, grown = with_growth(lambda: read(text))
    assert rows_of(found) == [(1,)]
    assert grown < 100 << 20


def test_content_is_counted_on_disk_too(tmp_path: Path) -> None:
    # VOT-181: 16 bytes of content for each that may be sent
    many = pa.array(range(1 << 17), pa.int64())
    with Rows(["x"], [pa.int64()], ReadLimits(1 << 40, 2 << 20, tmp_path, lambda: None)) as rows:
        for _ in range(32):
            rows.put([many])
        assert list(tmp_path.iterdir()) != []
        with pytest.raises(UploadFault, match="the content of the table is above 33554432 bytes"):
            rows.put([many])


def test_names_are_counted() -> None:
    # VOT-181: the parser keeps each of them
    text = inside("".join(f"<b{n}/>" for n in range(40_000)))
    assert "more than 10000 names" in fault_of(text).message


def test_tables_are_counted() -> None:
    # VOT-181: each may have all columns of the one before it
    tables = "".join(f'<TABLE ID="a{n + 1}" ref="a{n}"/>' for n in range(1000))
    text = GOOD.replace("<TABLE>", '<TABLE ID="a0">').replace("</TABLE>", f"</TABLE>{tables}")
    assert "more than 1000 TABLEs" in fault_of(text).message


def test_a_description_in_many_pieces_takes_no_longer() -> None:
    # VOT-181
    def seconds(pieces: int) -> float:
        text = votable([field("x", "int", f"<DESCRIPTION>{'a<p/>' * pieces}</DESCRIPTION>")], ONE)
        return processor_seconds(lambda: read(text))

    assert seconds(30_000) < 100 * max(seconds(1000), 0.002)


class Endless(io.RawIOBase):
    """A beginning, and then the same for ever; counts what was read."""

    def __init__(self, head: bytes, body: bytes, most: int = 1 << 30) -> None:
        self._head, self._body, self.given, self._most = head, body * (60000 // len(body)), 0, most

    def read(self, size: int = -1) -> bytes:
        if self.given >= self._most:
            return b""
        piece = self._head or self._body
        self._head = b""
        self.given += len(piece)
        return piece


def endless_fault(file: BinaryIO, rows: int, place: Path) -> UploadFault:
    limits = ReadLimits(rows, 1 << 20, place, lambda: None)
    with pytest.raises(UploadFault) as caught:
        read_votable(file, limits, None)  # type: ignore[arg-type]
    return caught.value


HEAD = votable([field("x", "char", arraysize="*")], "<DATA><TABLEDATA>").partition("</TABLE></RES")[0]


@pytest.mark.parametrize(
    ("head", "body", "told", "most"),
    [
        (HEAD, "<TR><TD>a</TD></TR>", "more than the 100000 rows allowed", 8 << 20),
        (HEAD, "<TR><TD>" + "a" * 1000 + "</TD></TR>", "the content of the table is above", 60 << 20),
        (HEAD + "<TR><TD>", "a" * 100, "a cell of more than", 30 << 20),
        (HEAD + "<TR>", "<TD>a</TD>", "the row has more cells", 1 << 20),
        (HEAD + "<TR><TD><!--", "a" * 100, "longer than", 1 << 20),
        ("<VOTABLE><DESCRIPTION>", "a" * 100, "no element found", 1 << 30),
        ("<VOTABLE><RESOURCE><TABLE>", '<FIELD name="x" datatype="int"/>', "the 1600 columns", 1 << 20),
    ],
)  # fmt: skip
def test_documents_without_end_stay_small(head: str, body: str, told: str, most: int, tmp_path: Path) -> None:
    # VOT-181
    file = Endless(head.encode(), body.encode(), 100 << 20)
    tracemalloc.start()
    try:
        fault = endless_fault(file, 100_000, tmp_path)  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told in fault.message
    assert file.given < most
    assert peak < 100 << 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arraysize", ["99999999999", "100000x100000", "16777217", "2x9999999*"])
def test_cells_larger_than_memory_are_refused_by_their_field(arraysize: str) -> None:
    # VOT-182
    fault = fault_of(votable([field("x", "double", arraysize=arraysize)], stream(b"", "BINARY")))
    assert "makes cells above" in fault.message


@pytest.mark.parametrize("count", [-1, -(2**31), 2**31 - 1, (16 << 20) + 1, (2 << 20) + 1])
def test_counts_are_looked_at_before_their_bytes(count: int) -> None:
    # VOT-182
    content = count.to_bytes(4, "big", signed=True)
    told = fault_of(votable([field("x", "double", arraysize="*")], stream(content, "BINARY")))
    assert (told.row, told.column) == (1, "x")
    assert f"a cell of {count} elements" in told.message


def test_a_bomb_of_gzip_is_found_while_it_is_unpacked() -> None:
    # VOT-089, VOT-181: 2 GB of zeros in 2 MB, and the same packed twice
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 300_000
    assert "unpacked it is above the limit" in fault_of(bomb).message
    assert "packed twice" in fault_of(gzip.compress(gzip.compress(GOOD.encode()))).message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(GOOD.encode())[:-20], "ends too early"),
        (gzip.compress(GOOD.encode())[:50] + b"rubbish" * 20, "broken"),
        (b"\x1f\x8b", "ends too early"),
        (gzip.compress(GOOD.encode()) + b"rubbish", "broken"),
        (gzip.compress(b"") * 2000, "more than 1000 members"),
        (gzip.compress(b""), "the file is empty"),
    ],
    ids=["cut", "overwritten", "head alone", "rubbish behind", "members", "empty"],  # contents hold the time
)
def test_gzip_that_is_broken(content: bytes, told: str) -> None:
    assert told in fault_of(content).message


def test_gzip_of_several_members() -> None:
    half = len(GOOD) // 2
    content = gzip.compress(GOOD[:half].encode()) + gzip.compress(GOOD[half:].encode()) + bytes(512)
    assert rows_of(read(content)) == [(1,)]


@pytest.mark.parametrize(
    "content",
    [
        b"BZh91AY",
        b"\xfd7zXZ\x00",
        b"%PDF-1.4",
        b"\x89PNG\r\n\x1a\n\x00",
        b"MZ\x00",
        b"\x00" * 100,
        b"\xff" * 100,
    ],
)
def test_files_of_other_kinds(content: bytes) -> None:
    assert fault_of(content).message


def test_the_time_of_a_query_ends_the_reading() -> None:
    document = votable(X, tabledata([["1"]] * 50_000))
    calls: list[None] = []

    class Over(Exception):
        pass

    def check() -> None:
        calls.append(None)
        if len(calls) > 3:
            raise Over

    with pytest.raises(Over):
        read_any(document, rows=10**6, size=1 << 24, check=check)


def test_nothing_is_left_of_a_large_table(tmp_path: Path) -> None:
    # VOT-181: rows above 16 MB lie in a file without a name; the table stays whole
    document = votable([field("x", "char", arraysize="*")], tabledata([["y" * 1000]] * 40_000))
    found = read(document, rows=10**6, size=1 << 26)
    assert found.rows.num_rows == 40_000
    assert set(found.rows["x"].to_pylist()) == {"y" * 1000}


def test_handlers_are_called_for_whole_texts() -> None:
    texts: list[str] = []
    XmlStream(lambda name, attributes: None, lambda name: None, texts.append).read(
        io.BytesIO(b"<a>b&amp;c<!-- -->d</a>"), lambda: None
    )
    assert texts == ["b&cd"]


def test_memory_of_two_hundred_thousand_rows() -> None:
    # VOT-181: what is held while reading does not grow with the document
    row = "<TR><TD>" + "x" * 50 + "</TD></TR>"
    document = HEAD + row * 200_000 + "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    found, grown = with_growth(lambda: read(document, rows=10**6, size=1 << 26, spooled=True))
    assert found.rows.num_rows == 200_000
    assert grown < 150 << 20
