"""What is published: against the standards' own tables, felis, and the rules that clients rely on."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io.votable.ucd import parse_ucd
from felis.datamodel import Schema as FelisSchema

from tap_schema import Published, lint, published
from tap_schema.loader import DIRECTORY, DOCUMENTS
from tap_schema.reserved import RESERVED, is_regular

TABLES = published()
OBSCORE = TABLES["ivoa.obscore"]
RADIO = TABLES["ivoa.obscore_radio"]
CANDIDATES = TABLES["holdings.line_candidate"]

with (Path(__file__).parent / "standard_columns.csv").open(newline="") as lines:
    STANDARD = list(csv.DictReader(lines))

HOLDINGS = (
    "archive_row observation product dataset spectral_window repair header_card run run_product tombstone "
    "project project_window supplement measurement peak_spectrum line_candidate qa2"
).split()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_felis_accepts_the_documents(document):
    context = {
        "id_generation": True,
        "check_description": True,
        "check_tap_table_indexes": True,
        "check_tap_principal": True,
        "check_redundant_datatypes": True,
    }
    schema = FelisSchema.from_uri(str(DIRECTORY / document), context=context)
    ours = next(one for one in TABLES.schemas if one.name == schema.name)
    assert [table.name for table in schema.tables] == [table.name for table in ours.tables]
    for theirs, table in zip(schema.tables, ours.tables, strict=True):
        for one, column in zip(theirs.columns, table.columns, strict=True):
            assert one.votable_arraysize == column.arraysize, column.name
            assert one.votable_xtype == column.xtype, column.name
            assert one.nullable == column.nullable, column.name


def test_lint_finds_nothing():
    assert lint(TABLES) == []


@pytest.mark.parametrize("row", STANDARD, ids=lambda row: f"{row['requirement']}-{row['column']}")
def test_standard_columns_are_exact(row):
    # OBS-002, OBS-008, OBS-009, OBS-020..049, OBS-050..053, OBS-100..129, RAD-003, RAD-010..028,
    # OBS-160 (words of the errata), TAP-332, TAP-333
    column = TABLES[row["table"]].column(row["column"])
    assert column.name == row["column"]
    assert column.datatype == row["datatype"]
    assert (column.arraysize or "") == row["arraysize"]
    assert (column.xtype or "") == row["xtype"]
    assert (column.unit or "") == row["unit"]
    assert (column.ucd or "") == row["ucd"]
    assert (column.utype or "") == row["utype"]
    assert column.std


def test_std_and_principal_flags():
    # OBS-007, TAP-330
    standard = {row["column"] for row in STANDARD if row["table"] == "ivoa.obscore"}
    assert {column.name for column in OBSCORE.columns if column.std} == standard
    mandatory = [row["column"] for row in STANDARD if "OBS-020" <= row["requirement"] <= "OBS-049"]
    assert len(mandatory) == 30
    assert all(OBSCORE.column(name).principal for name in mandatory)
    assert all(column.std for column in RADIO.columns)


def test_never_null_columns():
    # OBS-003, TAP-331
    never = {column.name for column in OBSCORE.columns if not column.nullable}
    assert never == {"calib_level", "obs_collection", "obs_id", "obs_publisher_did"}


def test_table_utypes():
    # OBS-005, RAD-001, RAD-005
    assert {"ivoa.obscore", "ivoa.obscore_radio"} <= set(TABLES)
    assert OBSCORE.utype == "ivo://ivoa.net/std/obscore#table-1.1"
    assert RADIO.utype == "ivo://ivoa.net/std/obscore#radio-ext-1.0"


def test_natural_join_joins_on_one_column():
    # OBS-163, RAD-002, RAD-004, RAD-030, TAP-339
    names = [{column.name.lower() for column in table.columns} for table in (OBSCORE, RADIO)]
    standard = {row["column"] for row in STANDARD if row["table"] == "ivoa.obscore_radio"}
    assert names[1] == standard | {"obs_publisher_did"}
    assert names[0] & names[1] == {"obs_publisher_did"}
    (key,) = RADIO.foreign_keys
    assert (key.target_table, key.target_columns) == ("ivoa.obscore", ("obs_publisher_did",))


def test_region_column_is_what_clients_look_for():
    # ALMA-115, TAP-335, design 4.5
    region = OBSCORE.column("s_region")
    assert region.xtype == "adql:REGION"
    assert region.utype == "obscore:Char.SpatialAxis.Coverage.Support.Area"
    assert region.unit is None
    assert OBSCORE.column("s_shape").xtype == "shape"
    support = OBSCORE.column("em_support")
    assert (support.datatype, support.arraysize, support.xtype, support.unit) == (
        "double",
        "*",
        "multiinterval",
        "m",
    )


def test_archive_columns_stand_in_the_order_of_the_archive():
    # ALMA-099: standard columns first, then those of the archive, then ours
    names = [column.name for column in OBSCORE.columns]
    standard = [column.name for column in OBSCORE.columns if column.std]
    assert names[: len(standard)] == standard
    assert names[len(standard) : len(standard) + 6] == [
        "lastModified",
        "gal_longitude",
        "gal_latitude",
        "band_list",
        "frequency",
        "bandwidth",
    ]
    assert names[-7:] == [
        "dataset_id",
        "origin",
        "archive_publisher_did",
        "specsys",
        "rest_frequency",
        "em_support",
        "s_shape",
    ]


@pytest.mark.parametrize(
    ("name", "datatype", "unit", "ucd", "utype"),
    [
        ("frequency", "double", "GHz", "em.freq;obs;meta.main", "Char.SpectralAxis.Coverage.Location.refval"),
        ("bandwidth", "double", "Hz", "em.freq;instr.bandpass", "Char.SpectralAxis.Coverage.Bounds.Extent"),
        ("spectral_resolution", "double", "kHz", None, None),
        (
            "velocity_resolution",
            "double",
            "m/s",
            "phys.veloc;spect.resolution",
            "Char.VelocityAxis.Resolution.refval",
        ),
        ("pwv", "float", "mm", "obs.atmos.extinction", None),
        ("antenna_arrays", "char", None, "meta.code.member;instr.setup", None),
        ("publication_year", "int", None, "time.publiYear", None),
        ("sensitivity_10kms", "double", "mJy/beam", None, None),
    ],
)
def test_archive_columns(name, datatype, unit, ucd, utype):
    # ALMA-037, ALMA-038, ALMA-042, ALMA-043, ALMA-045, ALMA-047, ALMA-049
    column = OBSCORE.column(name)
    assert (column.datatype, column.unit, column.ucd) == (datatype, unit, ucd)
    assert column.utype == (utype and "obscore:" + utype)
    assert not column.std


@pytest.mark.parametrize("name", ["is_mosaic", "science_observation", "qa2_passed"])
def test_flags_are_single_characters(name):
    # ALMA-092
    column = OBSCORE.column(name)
    assert (column.datatype, column.arraysize, column.arrow_type) == ("char", None, pa.string())


def test_account_names_are_not_published():
    # ALMA-061
    assert not any(table.has("pi_userid") for table in TABLES.values())


@pytest.mark.parametrize(
    "name", "obs_title obs_creator_name target_name pi_name proposal_abstract authors".split()
)
def test_texts_of_people_are_unicode(name):
    # VOT-046, design 4.6
    assert OBSCORE.column(name).datatype == "unicodeChar"
    assert OBSCORE.column("obs_id").datatype == "char"


def test_holdings_tables_are_all_there():
    assert {table.name for table in TABLES.values() if table.schema == "holdings"} == set(HOLDINGS)


def test_archive_rows_keep_every_column_of_the_archive():
    table = TABLES["holdings.archive_row"]
    ours = {
        "dataset_id",
        "origin",
        "archive_publisher_did",
        "specsys",
        "rest_frequency",
        "em_support",
        "s_shape",
    }
    for column in OBSCORE.columns:
        if column.name in ours | {"obs_publisher_did", "obs_id"}:
            continue
        mandatory_or_archive = not column.std or column.name in {
            row["column"] for row in STANDARD if row["requirement"] <= "OBS-049"
        }
        if mandatory_or_archive:
            assert table.column(column.name).arrow_type == column.arrow_type, column.name
    assert table.column("em_resolution").unit is None
    assert table.column("spectral_resolution").unit is None


def test_computed_columns_are_never_stored():
    for name, expected in {
        "ivoa.obscore": {"data_rights": "rights", "access_url": "link"},
        "holdings.product": {"data_rights": "rights", "access_url": "link"},
        "holdings.dataset": {"data_rights": "rights"},
        "holdings.observation": {"data_rights": "rights"},
    }.items():
        table = TABLES[name]
        assert {one.name: one.computed for one in table.columns if one.computed} == expected
        assert not set(expected) & set(table.arrow_schema().names)
        assert table.has("obs_release_date")
        assert table.has("origin")


def test_what_pixels_tell_goes_by_rights_that_the_table_tells():
    from_pixels = [
        table
        for table in TABLES.values()
        if table.guarded or any(column.restricted or column.measured for column in table.columns)
    ]
    assert {table.qualified for table in from_pixels} == {
        "ivoa.obscore", "holdings.product", "holdings.measurement", "holdings.peak_spectrum",
        "holdings.line_candidate", "holdings.qa2", "holdings.header_card", "holdings.repair",
    }  # fmt: skip
    for table in from_pixels:
        assert {"origin", "obs_release_date"} <= {column.name for column in table.stored}
        for column in (*table.columns, *table.hidden):
            if column.measured is not None:
                assert table.column(column.measured).arrow_type == column.arrow_type
    bare = replace(CANDIDATES, columns=tuple(c for c in CANDIDATES.columns if c.name != "origin"))
    findings = lint(Published((replace(TABLES.schemas[1], tables=(bare,)),)))
    assert "origin" in " ".join(finding.message for finding in findings)


def test_hidden_columns_are_stored_and_not_published():
    names = OBSCORE.arrow_schema().names
    measured = ["_region_measured", "_shape_measured"]
    assert names[-8:] == ["_hpx29", "_ux", "_uy", "_uz", "_footprint_id", *measured, "_access_path"]
    assert not any(column.name.startswith("_") for column in OBSCORE.columns)
    assert OBSCORE.position == ("s_ra", "s_dec")
    assert OBSCORE.region == "s_region"


def test_hidden_tables_cannot_be_resolved():
    assert "_hidden.footprint" not in TABLES
    with pytest.raises(KeyError):
        TABLES["_hidden.footprint"]
    assert TABLES.storage["_hidden.footprint"].arrow_schema().names == [
        "footprint_id",
        "hpx29",
        "cap_x",
        "cap_y",
        "cap_z",
        "cap_r",
        "area",
        "centre_lon",
        "centre_lat",
        "region",
    ]


def test_arrow_types():
    schema = OBSCORE.arrow_schema()
    assert schema.field("s_ra").type == pa.float64()
    assert schema.field("s_xel1").type == pa.int64()
    assert schema.field("calib_level").type == pa.int32()
    assert schema.field("pwv").type == pa.float32()
    assert schema.field("obs_release_date").type == pa.timestamp("us")
    assert schema.field("em_support").type == pa.list_(pa.float64())
    assert TABLES["holdings.product"].arrow_schema().field("is_primary").type == pa.int16()


def test_names_are_found_in_any_case():
    # OBS-001, TAP-248
    assert TABLES["IVOA.ObsCore"] is OBSCORE
    assert OBSCORE.column("LASTMODIFIED").name == "lastModified"


def test_reserved_words_are_quoted():
    # ADQL-005, ADQL-009, TAP-250
    assert TABLES["tap_schema.columns"].column("size").adql_name == '"size"'
    assert TABLES["holdings.header_card"].column("value").adql_name == '"value"'
    quoted = {
        (table.qualified, column.name)
        for table in TABLES.values()
        for column in table.columns
        if column.adql_name != column.name
    }
    assert quoted == {("tap_schema.columns", "size"), ("holdings.header_card", "value")}


def test_reserved_words_are_all_there():
    # ADQL-018, ADQL-019, ADQL-022
    assert len(RESERVED) == 226 + 41
    assert not is_regular("Region")
    assert not is_regular("_hpx29")
    assert not is_regular("2mass")
    assert is_regular("type")
    assert is_regular("lastModified")


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_ucd_is_of_the_controlled_vocabulary(name):
    for column in TABLES[name].columns:
        if column.ucd:
            parse_ucd(column.ucd, check_controlled_vocabulary=True)
