"""Bad schema files: each is refused with the file and the place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from tap_schema import Published, SchemaError, lint, load, published
from tap_schema.loader import DIRECTORY


@pytest.fixture
def directory(tmp_path):
    for path in DIRECTORY.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(directory, file, old, new):
    path = directory / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_copy_loads_equal(directory):
    copy = load(directory)
    assert list(copy) == list(published())
    assert all(copy[name] == published()[name] for name in copy)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("ivoa.yaml", "name: ivoa", "nome: ivoa", "ivoa.yaml: schema: name is missing"),
        ("ivoa.yaml", "tables:", "tables: [", "ivoa.yaml: is no YAML"),
        ("ivoa.yaml", "tables:", "tables: 3\nrest:", "ivoa.yaml: tables: expected a list, found int"),
        (
            "ivoa.yaml",
            "datatype: int",
            "datatype: integer",
            "column 2 .calib_level.: unknown data type 'integer'",
        ),
        (
            "ivoa.yaml",
            'columns: ["#obscore_radio.obs_publisher_did"]',
            'columns: ["obs_publisher_did"]',
            "#table.column",
        ),
        (
            "ivoa.yaml",
            '"#obscore.obs_publisher_did"]',
            '"#obscore.nothing"]',
            "no column nothing in ivoa.obscore",
        ),
        ("ivoa.yaml", '["#obscore.obs_publisher_did"]', '["#obs.obs_publisher_did"]', "no table ivoa.obs"),
        ("ivoa.yaml", '["#obscore.obs_publisher_did"]', "[]", "do not pair up"),
        ("holdings.yaml", "name: observation_id", "name: 7", "column 1: name is missing"),
        ("storage.yaml", "  holdings.run:", "  holdings.runs:", "holdings.run is missing"),
        ("storage.yaml", "tables:", "tables:\n  ivoa.more: {}", "nothing is published as ivoa.more"),
        ("storage.yaml", "region: s_region", "region: s_area", "ivoa.obscore: no published column s_area"),
        ("storage.yaml", "[_hpx29, obs", "[_hpx30, obs", "ivoa.obscore, sort_by: no stored column _hpx30"),
        (
            "storage.yaml",
            "guarded: all",
            "guarded: yes",
            "holdings.line_candidate, guarded: expected all or marked, not True",
        ),
        (
            "storage.yaml",
            "lookup: [product_id, dataset_id, member_ous_uid, _container]",
            "lookup: [access_url]",
            "holdings.product, lookup: no stored column access_url",
        ),
        ("storage.yaml", "[s_ra, s_dec]", "[s_ra]", "position: expected a longitude and a latitude"),
        ("storage.yaml", "[run_id]", "run_id", "expected a list, found str"),
        ("storage.yaml", "[run_id]", "[3]", "expected names, found 3"),
        (
            "storage.yaml",
            "{name: _ux, datatype: double,",
            "{name: _ux, datatype: real,",
            "unknown data type 'real'",
        ),
        ("storage.yaml", "_hidden.footprint:", "footprint:", "not of the form schema.table"),
    ],
)
def test_faults_are_named(directory, file, old, new, message):
    change(directory, file, old, new)
    with pytest.raises(SchemaError, match=message) as caught:
        load(directory)
    assert caught.value.path.name == file


def test_missing_file(directory):
    (directory / "holdings.yaml").unlink()
    with pytest.raises(SchemaError, match=r"holdings.yaml: cannot be read: No such file"):
        load(directory)


def test_document_that_is_a_list(directory):
    (directory / "tap_schema.yaml").write_text("- 1\n")
    with pytest.raises(SchemaError, match="expected a mapping, found list"):
        load(directory)


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "message"),
    [
        (
            "ivoa.yaml",
            "name: s_fov_min",
            "name: s_fov",
            "ivoa.obscore_radio",
            "shares obs_publisher_did, s_fov",
        ),
        ("ivoa.yaml", "name: t_xel", "name: T_MIN", "ivoa.obscore.t_min", "stands twice"),
        ("ivoa.yaml", "name: t_xel", "name: _t_xel", "ivoa.obscore._t_xel", "name of a hidden column"),
        (
            "ivoa.yaml",
            "ivoa:ucd: pos.outline;obs.field",
            "ivoa:unit: deg",
            "ivoa.obscore.s_region",
            "has no unit",
        ),
        (
            "ivoa.yaml",
            "ivoa:unit: kbyte",
            "ivoa:unit: k byte",
            "ivoa.obscore.access_estsize",
            "holds a blank",
        ),
        ("ivoa.yaml", 'arraysize: "*"', 'arraysize: "*x2"', "ivoa.obscore.em_support", "array size"),
        ("ivoa.yaml", 'arraysize: "*"', 'arraysize: "1"', "ivoa.obscore.em_support", "array size 1"),
        ("ivoa.yaml", "obs.proposal", "obs proposal", "ivoa.obscore.proposal_id", "character it may not"),
        ("ivoa.yaml", '"Name of the target', '"<b>Name', "ivoa.obscore.target_name", "plain ASCII"),
        (
            "storage.yaml",
            "name: _access_path",
            "name: access_path",
            "ivoa.obscore.access_path",
            "should begin with _",
        ),
    ],
)
def test_lint_says_what_is_wrong(directory, file, old, new, place, message):
    change(directory, file, old, new)
    findings = [one for one in lint(load(directory)) if one.place == place]
    assert any(message in one.message for one in findings), findings


def test_lint_of_tables_put_together_by_hand():
    tables = published()
    schema = tables.schemas[0]
    radio = tables["ivoa.obscore_radio"]
    dull = replace(radio, columns=tuple(replace(one, principal=False) for one in radio.columns))
    twice = Published((replace(schema, tables=(*schema.tables, dull)),))
    messages = {(one.place, one.message) for one in lint(twice)}
    assert ("ivoa.obscore_radio", "is published twice") in messages
    assert ("ivoa.obscore_radio", "has no principal column") in messages


def test_command_reports_and_succeeds():
    done = subprocess.run([sys.executable, "-m", "tap_schema"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.endswith(" 0 findings\n")
