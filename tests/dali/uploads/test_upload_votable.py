"""VOTable documents of every version and shape: which table is read, and what its FIELDs say."""

from __future__ import annotations

import pytest
from upload_tables import NAMESPACE, column_of, facts, fault_of, field, read, rows_of, tabledata, votable

X = [field("x", "int")]
ONE = tabledata([["1"]])
TWO = tabledata([["2"]])


def document(inner: str, attributes: str = f'xmlns="{NAMESPACE}"') -> str:
    return f"<VOTABLE {attributes}>{inner}</VOTABLE>"


def table(data: str, fields: str = X[0], attributes: str = "") -> str:
    return f"<TABLE {attributes}>{fields}{data}</TABLE>"


@pytest.mark.parametrize(
    "namespace",
    [
        None,
        "http://www.ivoa.net/xml/VOTable/v1.0",
        "http://www.ivoa.net/xml/VOTable/v1.1",
        "http://www.ivoa.net/xml/VOTable/v1.2",
        NAMESPACE,
        "http://www.ivoa.net/xml/VOTable/VOTable-1.1.xsd",
    ],
)
def test_every_namespace(namespace: str | None) -> None:
    # VOT-003, TAP-080
    assert rows_of(read(votable(X, ONE, namespace))) == [(1,)]


def test_a_prefix_for_the_namespace() -> None:
    # VOT-003, VOT-190
    text = (
        f'<v:VOTABLE xmlns:v="{NAMESPACE}"><v:RESOURCE><v:TABLE><v:FIELD name="x" datatype="int"/>'
        "<v:DATA><v:TABLEDATA><v:TR><v:TD>1</v:TD></v:TR></v:TABLEDATA></v:DATA></v:TABLE></v:RESOURCE></v:VOTABLE>"
    )
    assert rows_of(read(text)) == [(1,)]


def test_schema_locations_are_nothing_to_fetch() -> None:
    # VOT-004
    text = document(
        f"<RESOURCE>{table(ONE)}</RESOURCE>",
        f'xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://127.0.0.1:9/a http://127.0.0.1:9/b" xsi:noNamespaceSchemaLocation="file:///x"',
    )
    assert rows_of(read(text)) == [(1,)]


def test_the_facts_of_a_field() -> None:
    # TAP-090, VOT-039, VOT-041, VOT-043, VOT-044
    given = field(
        "flux\n density",
        "double",
        "<DESCRIPTION>The <b>flux</b>\n  of it.</DESCRIPTION><VALUES><MIN value='0'/></VALUES><LINK href='http://x/'/>",
        unit="Jy",
        ucd="phot.flux;em.mm",
        utype="a:b.c",
        type="hidden",
        precision="F3",
        width="8",
        ref="nowhere",
    )
    (column,) = read(votable([given], tabledata([]))).columns
    assert (column.name, column.description) == ("flux density", "The flux of it.")
    assert facts(column) == ("double", None, None, "Jy", "phot.flux;em.mm", "a:b.c")


def test_empty_facts_are_none() -> None:
    (column,) = read(votable([field("x", "double", unit="", ucd=" ", utype="", xtype="")], ONE)).columns
    assert facts(column) == ("double", None, None, None, None, None)


@pytest.mark.parametrize(
    ("datatype", "attributes", "wanted"),
    [
        ("floatComplex", {}, ("float", "2")),
        ("doubleComplex", {"arraysize": "3"}, ("double", "2x3")),
        ("doubleComplex", {"arraysize": "*"}, ("double", "2x*")),
        ("short", {"arraysize": "2x3"}, ("short", "2x3")),
        ("int", {"arraysize": "1"}, ("int", None)),
        ("char", {"arraysize": " 8* "}, ("char", "8*")),
        ("bit", {"arraysize": "10"}, ("bit", "10")),
        ("boolean", {}, ("boolean", None)),
    ],
)
def test_types_as_columns_have_them(
    datatype: str, attributes: dict[str, str], wanted: tuple[str, str | None]
) -> None:
    # VOT-036, VOT-060, VOT-061, VOT-186, TAP-090
    (column,) = read(votable([field("x", datatype, **attributes)], tabledata([]))).columns
    assert facts(column)[:2] == wanted


def test_text_beyond_ascii_makes_a_column_of_unicode() -> None:
    # VOT-025: what char cannot hold comes back all the same
    fields = [field("plain", "char", arraysize="*"), field("name", "char", arraysize="4")]
    found = read(votable(fields, tabledata([["a", "b"], ["c", "né"]])))
    assert [facts(column)[:2] for column in found.columns] == [("char", "*"), ("unicodeChar", "4")]
    assert rows_of(found) == [("a", "b"), ("c", "né")]


XTYPES = [
    ("timestamp", "char", "*", "2026-01-31T12:00:00.5"),
    ("interval", "double", "2", "1 2"),
    ("multiinterval", "double", "*", "1 2 3 4"),
    ("hms", "char", "*", "12:34:56"),
    ("point", "double", "2", "10 20"),
    ("circle", "float", "3", "10 20 1"),
    ("range", "double", "4", "1 2 3 4"),
    ("polygon", "double", "*", "0 0 1 0 1 1"),
    ("moc", "char", "*", "3/1-4"),
    ("shape", "char", "*", "circle 1 2 3"),
    ("multishape", "char", "*", "circle 1 2 3 circle 4 5 6"),
    ("uuid", "char", "36", "01234567-89ab-cdef-0123-456789abcdef"),
    ("uri", "char", "*", "ivo://x/y?z"),
    ("json", "char", "*", '{"a": 1}'),
    ("adql:REGION", "char", "*", "Circle ICRS 10 20 0.1"),
    ("adql:TIMESTAMP", "char", "*", "2026-01-31"),
    ("alma:something", "int", None, "5"),
]


@pytest.mark.parametrize(("xtype", "datatype", "arraysize", "cell"), XTYPES)
def test_xtypes_are_kept(xtype: str, datatype: str, arraysize: str | None, cell: str) -> None:
    # DALI-079, DALI-080, DALI-081, DALI-085, VOT-140, VOT-142, VOT-143, VOT-146, VOT-147, VOT-148, VOT-150,
    # VOT-151, VOT-154, TAP-092
    given = {"xtype": xtype} | ({} if arraysize is None else {"arraysize": arraysize})
    (column,) = read(votable([field("x", datatype, **given)], tabledata([[cell], [""]]))).columns
    assert column.xtype == xtype
    assert column_of(datatype, [cell, ""], **given)[1] is None


@pytest.mark.parametrize(
    ("xtype", "datatype", "arraysize"),
    [
        ("point", "char", "*"),
        ("point", "double", "3"),
        ("point", "double", None),
        ("circle", "double", "2"),
        ("range", "double", "2"),
        ("polygon", "double", None),
        ("interval", "double", "*"),
        ("timestamp", "double", None),
        ("moc", "long", "*"),
    ],
)
def test_a_shape_that_is_no_shape_is_an_unsupported_xtype(
    xtype: str, datatype: str, arraysize: str | None
) -> None:
    # DALI-091, VOT-154
    given = {"xtype": xtype} | ({} if arraysize is None else {"arraysize": arraysize})
    fault = fault_of(votable([field("x", datatype, **given)], ONE))
    assert fault.message.startswith(f"unsupported-xtype: {xtype}")
    assert fault.column == "x"


@pytest.mark.parametrize(
    ("inner", "wanted"),
    [
        (f"<RESOURCE>{table(ONE)}{table(TWO)}</RESOURCE>", 1),
        (f'<RESOURCE>{table(ONE)}</RESOURCE><RESOURCE type="results">{table(TWO)}</RESOURCE>', 2),
        (f'<RESOURCE type="meta">{table("")}</RESOURCE><RESOURCE>{table(TWO)}</RESOURCE>', 2),
        (
            f'<RESOURCE type="results">{table(ONE)}</RESOURCE>'
            f'<RESOURCE type="results">{table(TWO)}</RESOURCE>',
            1,
        ),
        (f'<RESOURCE><RESOURCE><RESOURCE type="results">{table(TWO)}</RESOURCE></RESOURCE></RESOURCE>', 2),
        (
            f'<RESOURCE type="meta"><RESOURCE type="results">{table(ONE)}</RESOURCE></RESOURCE>'
            f"<RESOURCE>{table(TWO)}</RESOURCE>",
            2,
        ),
        (f'<RESOURCE type="other">{table(ONE)}</RESOURCE>', 1),
        (f'<RESOURCE type="other">{table(ONE)}</RESOURCE><RESOURCE>{table(TWO)}</RESOURCE>', 2),
        (
            f'<RESOURCE type="meta">{table(ONE)}</RESOURCE><RESOURCE type="other">{table(TWO)}</RESOURCE>',
            2,
        ),
    ],
)
def test_the_first_table_of_the_results_is_read(inner: str, wanted: int) -> None:
    # TAP-093, VOT-010, VOT-184
    assert rows_of(read(document(inner))) == [(wanted,)]


def test_what_stands_round_the_table_is_read_over() -> None:
    # VOT-102, VOT-103, VOT-104, VOT-105, VOT-106, VOT-108, VOT-109
    text = document(
        '<DESCRIPTION>Of all.</DESCRIPTION><COOSYS ID="a" system="ICRS"/>'
        '<PARAM name="p" datatype="int" value="3">'
        '<VALUES null="1"/></PARAM><RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>'
        '<INFO name="QUERY" value="x">ERROR</INFO><TIMESYS ID="t" timescale="TT" refposition="UNKNOWN"/>'
        '<TABLE nrows="99999999999"><DESCRIPTION>Of the table.</DESCRIPTION>'
        '<GROUP name="primaryKey"><FIELDref ref="later"/><PARAM name="q" datatype="char" value="">'
        '<DESCRIPTION>no field</DESCRIPTION></PARAM></GROUP><PARAM name="r" datatype="int" value="1">'
        f'<DESCRIPTION>no field either</DESCRIPTION><VALUES null="1"/></PARAM>{X[0]}'
        '<FIELD name="y" datatype="int" ID="later"><VALUES null="7"/><LINK content-role="odd" href="http://x/"/></FIELD>'
        f'<LINK href="http://127.0.0.1:9/"/>{tabledata([["1", "7"]])}<INFO name="a" value="b"/></TABLE>'
        '<m:VODML xmlns:m="http://www.ivoa.net/xml/mivot"><m:TABLE><m:FIELD/></m:TABLE></m:VODML></RESOURCE>'
    )
    found = read(text)
    assert rows_of(found) == [(1, None)]
    assert [column.description for column in found.columns] == ["", ""]


def test_a_table_that_refers_to_another_has_its_columns() -> None:
    # VOT-013
    meta = f'<RESOURCE type="meta">{table("", attributes="ID=" + repr("t1"))}</RESOURCE>'
    text = document(f'{meta}<RESOURCE type="results"><TABLE ref="t1">{ONE}</TABLE></RESOURCE>')
    assert rows_of(read(text)) == [(1,)]
    for ref in ("t2", "t3"):
        told = fault_of(document(f'<RESOURCE><TABLE ID="t2" ref="{ref}">{ONE}</TABLE></RESOURCE>'))
        assert "no TABLE before it has this ID" in told.message


def test_values_that_refer_to_others() -> None:
    # VOT-100
    fields = [
        '<FIELD name="a" datatype="int"><VALUES ID="v" null="-1"/></FIELD>',
        '<FIELD name="b" datatype="int"><VALUES ref="v" null="5"/></FIELD>',
    ]
    assert rows_of(read(votable(fields, tabledata([["-1", "-1"], ["5", "5"]])))) == [(None, None), (5, 5)]


@pytest.mark.parametrize("data", ["", "<DATA><TABLEDATA/></DATA>", tabledata([])])
def test_a_table_without_rows(data: str) -> None:
    # TAP-093, VOT-185
    found = read(votable(X, data))
    assert found.rows.num_rows == 0
    assert [column.name for column in found.columns] == ["x"]


def test_a_failed_query_is_no_table() -> None:
    # VOT-184
    text = document(
        '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">No such\n table</INFO></RESOURCE>'
    )
    assert fault_of(text).message == "the document is the answer to a query that failed: No such table"
    late = document(
        f'<RESOURCE type="results">{table(ONE)}'
        '<INFO name="QUERY_STATUS" value="ERROR">Broke</INFO></RESOURCE>'
    )
    assert "Broke" in fault_of(late).message
    over = f'<RESOURCE type="results">{table(ONE)}<INFO name="QUERY_STATUS" value="OVERFLOW"/></RESOURCE>'
    assert rows_of(read(document(over))) == [(1,)]


@pytest.mark.parametrize(
    ("fields", "told", "column"),
    [
        ([], "the table has no columns", None),
        (['<FIELD datatype="int"/>'], "column 1 has no name", None),
        (['<FIELD name=" " datatype="int"/>'], "column 1 has no name", None),
        ([X[0], X[0]], "two columns have this name", "x"),
        (['<FIELD name="x"/>'], "the FIELD has no datatype", "x"),
        ([field("x", "string")], "the datatype 'string' is none of VOTable's", "x"),
        ([field("n" * 65, "int")], "longer than 64 characters", "n" * 65),
        ([field("ñ" * 65, "int")], "longer than 64 characters", "ñ" * 65),
        ([field("x", "int", arraysize="*x3")], "arraysize '*x3' is not VOTable's", "x"),
        ([field("x", "int", arraysize="3x")], "arraysize '3x' is not VOTable's", "x"),
        ([field("x", "int", arraysize="0x4")], "arraysize '0x4' is not VOTable's", "x"),
        ([field("x", "int", arraysize="-1")], "arraysize '-1' is not VOTable's", "x"),
        ([field("x", "int", arraysize="")], "arraysize '' is not VOTable's", "x"),
        ([field("x", "char", arraysize="8,")], "arraysize '8,' is not VOTable's", "x"),
        ([field("x", "int", arraysize="2x**")], "arraysize '2x**' is not VOTable's", "x"),
        ([field("x", "int", arraysize="1000000x1000000")], "makes cells above", "x"),
        ([field("x", "int", arraysize="9" * 5000)], "makes cells above", "x"),
        ([field(f"x{n}", "int") for n in range(1601)], "more than the 1600", None),
    ],
)
def test_fields_that_cannot_be_taken(fields: list[str], told: str, column: str | None) -> None:
    # VOT-030, VOT-031, VOT-034, VOT-035, VOT-182, VOT-183, TAP-093
    fault = fault_of(votable(fields, "<DATA><TABLEDATA/></DATA>"))
    assert told in fault.message
    assert fault.column == column


@pytest.mark.parametrize(
    "name", ["n" * 64, "ñ" * 64, "select", "my col", "a.b", "a;--", "größe", "Ünïcødé 漢"]
)
def test_any_other_name_is_taken(name: str) -> None:
    # VOT-031, VOT-183, TAP-086
    assert [c.name for c in read(votable([field(name, "int")], ONE)).columns] == [name]


def test_a_field_without_a_name_has_its_id() -> None:
    assert read(votable(['<FIELD ID="col1" datatype="int"/>'], ONE)).columns[0].name == "col1"


@pytest.mark.parametrize(
    ("rows", "told", "row"),
    [
        ("<TR><TD>1</TD></TR><TR></TR>", "the row has 0 cells, the table has 1 columns", 2),
        (
            "<TR><TD>1</TD></TR><TR><TD>1</TD><TD>2</TD></TR>",
            "the row has more cells than the 1 columns of the table",
            2,
        ),
        ("<TR><TD>1</TD></TR>stray<TR><TD>1</TD></TR>", "there is text outside of the cells: 'stray'", 2),
        ("<TR>stray<TD>1</TD></TR>", "there is text outside of the cells", 1),
        ("<TR><TD>1<TD>2</TD></TD></TR>", "the element 'TD' has no place here", 1),
        ("<TR><TR><TD>1</TD></TR></TR>", "the element 'TR' has no place here", 1),
        ("<TD>1</TD>", "the element 'TD' has no place here", 1),
        ("<TR><X>1</X></TR>", "the element 'X' has no place here", 1),
        ('<TR><TD encoding="base64">MQ==</TD></TR>', "a cell is encoded", 1),
        ("<TR><TD>1</TD></TD></TR>", "line", None),
        ("<TR><TD>1</TD>", "line", None),
        ("<TR><TD>&undefined;</TD></TR>", "line", None),
    ],
)
def test_rows_that_are_none(rows: str, told: str, row: int | None) -> None:
    # VOT-070, VOT-078, VOT-190
    fault = fault_of(votable(X, f"<DATA><TABLEDATA>{rows}</TABLEDATA></DATA>"))
    assert told in fault.message
    assert fault.row == row


def test_odd_rows_that_are_good() -> None:
    # VOT-078, VOT-190
    rows = (
        '<!-- a --><TR ID="r1"><?pi b?><TD>1</TD></TR>\n<TR>'
        '<TD xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/></TR>'
        '<TR><TD encoding="none"><![CDATA[2]]></TD></TR>'
    )
    assert rows_of(read(votable(X, f"<DATA><TABLEDATA>{rows}</TABLEDATA></DATA>"))) == [(1,), (None,), (2,)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html><body/></html>", "the document is no VOTable, its root element is 'html'"),
        ("<VOTABLE/>", "there is no TABLE in the VOTable"),
        ("<VOTABLE><RESOURCE/></VOTABLE>", "there is no TABLE in the VOTable"),
        (document(f"<RESOURCE><TABLE>{table(ONE)}</TABLE></RESOURCE>"), "there is a TABLE within a TABLE"),
        (document(f"<RESOURCE>{table(ONE + ONE)}</RESOURCE>"), "the TABLE has two DATA elements"),
        (document(f"<RESOURCE>{table('<DATA><PARQUET/></DATA>')}</RESOURCE>"), "Parquet"),
        (document("<RESOURCE><TABLE>")[:-10], "line 1"),
        ("<VOTABLE><a:b/></VOTABLE>", "stands for no namespace"),
    ],
)  # fmt: skip
def test_documents_that_are_none(text: str, told: str) -> None:
    # TAP-093, VOT-190
    assert told in fault_of(text).message


def test_lines_before_the_declaration() -> None:
    # VOT-188
    fault = fault_of("\n\n" + votable(X, ONE))
    assert fault.hint is not None
    assert "very first thing in the file" in fault.hint


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "iso-8859-1", "windows-1252"]
)
def test_encodings(encoding: str) -> None:
    # VOT-005, VOT-188
    declared = encoding.removesuffix("-sig").removesuffix("-le")
    text = votable([field("x", "unicodeChar", arraysize="*")], tabledata([["é"]]))
    content = text.replace('encoding="UTF-8"', f'encoding="{declared}"').encode(encoding)
    if encoding == "utf-16-le":
        content = b"\xff\xfe" + content
    assert rows_of(read(content)) == [("é",)]


def test_a_document_that_is_cut_anywhere() -> None:
    # VOT-190
    text = votable(X, ONE)
    for at in range(len(text)):
        assert fault_of(text[:at]).message
