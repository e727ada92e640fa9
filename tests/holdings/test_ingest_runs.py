"""Ingest and harvest together on sample holdings: counts, groups and identifiers as the truth has them, in
any order; what is unchanged is skipped, what has gone is withdrawn, what was killed leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ingest_homes import Home, open_home

from tap_schema import published
from vo_service.holdings.roots import RootError
from vo_service.sample import write_sample
from vo_service.store import RunLog

Truth = dict[str, Any]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sample")
    write_sample(directory, seed=11, products=60)
    return directory


@pytest.fixture(scope="module")
def truth(sample: Path) -> Truth:
    found: Truth = json.loads((sample / "truth.json").read_text())
    return found


def run(home: Home, sample: Path, order: str) -> None:
    for step in order:
        if step == "i":
            home.ingest(sample / "products")
        else:
            home.harvest(sample / "archive.vot")


@pytest.mark.parametrize("order", ["ih", "hi", "hihi"])
def test_rows_are_those_of_the_truth_in_any_order(home: Home, sample: Path, truth: Truth, order: str) -> None:
    run(home, sample, order)
    obscore = home.rows("ivoa.obscore")
    assert len(obscore) == truth["counts"]["obscore_all"]
    dids = [row["obs_publisher_did"] for row in obscore]
    assert len(set(dids)) == len(dids)  # OBS-065
    assert {row["obs_publisher_did"] for row in home.rows("ivoa.obscore_radio")} == set(dids)  # RAD-007
    footprints = {row["footprint_id"] for row in home.rows("_hidden.footprint")}
    assert {row["_footprint_id"] for row in obscore} - {None} <= footprints
    archive = home.rows("holdings.archive_row")
    assert len(archive) == truth["counts"]["obscore_archive_only"]
    assert sum(row["matched_dataset_id"] is not None for row in archive) == len(truth["archive"]["matched"])
    assert {row["obs_publisher_did"] for row in archive} <= set(dids)
    assert len(home.rows("holdings.spectral_window")) == len(truth["windows"])


def test_files_alone_and_rows_alone_have_the_counts_of_the_truth(
    home: Home, sample: Path, truth: Truth
) -> None:
    run(home, sample, "h")
    assert home.snapshot.count_rows("ivoa.obscore") == truth["counts"]["obscore_archive_only"]
    run(home, sample, "i")
    assert home.snapshot.count_rows("ivoa.obscore") == truth["counts"]["obscore_all"]


def test_order_makes_no_difference_to_any_row(tmp_path: Path, sample: Path) -> None:
    found = []
    for order in ("ih", "hi"):
        made = open_home(tmp_path / order)
        run(made, sample, order)
        tables = {}
        for table in ("ivoa.obscore", "holdings.dataset", "holdings.spectral_window", "holdings.observation"):
            rows = made.rows(table)
            for row in rows:
                row.pop("lastModified", None)
            tables[table] = sorted(rows, key=repr)
        found.append(tables)
        made.snapshots.close()
        made.catalogue.close()
    assert found[0] == found[1]


def test_groups_and_origins_are_those_of_the_truth(home: Home, sample: Path, truth: Truth) -> None:
    run(home, sample, "ih")
    products = {row["path"]: row for row in home.rows("holdings.product")}
    datasets = {row["dataset_id"]: row for row in home.rows("holdings.dataset")}
    of_group = {}
    for group in truth["datasets"]:
        name = products[group["primary"]]["dataset_id"]
        of_group[group["group"]] = name
        assert {row["path"] for row in products.values() if row["dataset_id"] == name} == set(
            group["members"]
        )
        assert products[group["primary"]]["is_primary"] == 1
        assert datasets[name]["origin"] == group["origin"]
        assert datasets[name]["role"] == group["role"]
    for group in truth["datasets"]:
        assert datasets[of_group[group["group"]]]["parent_dataset_id"] == of_group.get(group["parent"])
    assert len(datasets) == len(truth["datasets"])
    grouped = {path for group in truth["datasets"] for path in group["members"]}
    assert {path for path, row in products.items() if row["dataset_id"] is not None} == grouped


def test_facts_of_archive_rows_reach_the_rows_of_data_sets(home: Home, sample: Path, truth: Truth) -> None:
    run(home, sample, "hi")
    primaries = {row["path"]: row["dataset_id"] for row in home.rows("holdings.product")}
    obscore = {row["dataset_id"]: row for row in home.rows("ivoa.obscore")}
    compared = 0
    for group in truth["datasets"]:
        row = obscore[primaries[group["primary"]]]
        for name, value in {**group["obscore"], **(group["member_facts"] or {})}.items():
            if name in {"obs_id", "obs_release_date"} or value in (None, ""):
                continue
            compared += 1
            expected = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
            assert row[name] == expected, (group["primary"], name)
    assert compared > 100


def test_planted_disagreements_are_found_and_none_is_invented(home: Home, sample: Path, truth: Truth) -> None:
    run(home, sample, "ih")
    primaries = {row["path"]: row["dataset_id"] for row in home.rows("holdings.product")}
    primary_of = {group["group"]: group["primary"] for group in truth["datasets"]}
    planted = {(primaries[primary_of[each["group"]]], each["column"]) for each in truth["disagreements"]}
    found = {
        (row["dataset_id"], row["item"])
        for row in home.rows("holdings.repair")
        if row["dataset_id"] is not None
        and row["rule_id"].startswith("ARCH-")
        and not row["rule_id"].startswith("ARCH-NO")
    }
    assert found == planted


def test_rejected_rows_are_logged_with_their_lines(home: Home, sample: Path, truth: Truth) -> None:
    report = home.harvest(sample / "archive.vot")
    lines = [each["row"] + 1 for each in truth["archive"]["rejected"]]
    assert [entry.line for entry in report.rejects] == lines
    assert report.exit_code == (1 if lines else 0)
    logged = [row for row in home.rows("holdings.run_product") if row["run_id"] == report.run_id]
    assert [row["line"] for row in logged] == lines


def test_the_moved_tree_keeps_every_identifier(tmp_path: Path, sample: Path) -> None:
    made = []
    for number in (1, 2):
        tree = tmp_path / f"somewhere{number}" / "tree"
        shutil.copytree(sample / "products", tree)
        other = open_home(tmp_path / f"home{number}")
        other.ingest(tree)
        made.append(other.ids())
        other.snapshots.close()
        other.catalogue.close()
    assert made[0] == made[1]


@pytest.fixture
def tree(tmp_path: Path, sample: Path, truth: Truth) -> Path:
    """A few data sets of the sample in a tree that may be changed."""
    target = tmp_path / "tree"
    for group in truth["datasets"][:6]:
        for name in group["members"]:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(sample / "products" / name, target / name)
    return target


def files_of(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())


def test_unchanged_files_are_skipped_and_nothing_is_published(home: Home, tree: Path) -> None:
    first = home.ingest(tree)
    again = home.ingest(tree)
    assert (again.skipped, again.ok, again.snapshot) == (first.found, 0, None)
    assert home.snapshot.number == first.snapshot


def test_a_changed_file_keeps_its_identifier_with_the_next_version(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = {row["path"]: row for row in home.rows("holdings.product")}
    changed = files_of(tree)[0]
    content = (tree / changed).read_bytes()
    (tree / changed).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(tree / changed, ns=(1, 1))
    report = home.ingest(tree)
    after = {row["path"]: row for row in home.rows("holdings.product")}
    assert report.ok == 1
    assert after[changed]["version"] == before[changed]["version"] + 1
    assert home.ids() == {path: (row["product_id"], row["dataset_id"]) for path, row in before.items()}
    cards = home.snapshot.read("holdings.header_card", ["product_id"])["product_id"].to_pylist()
    assert set(cards) >= {row["product_id"] for row in after.values() if row["axes"]}


def test_a_file_that_has_gone_is_withdrawn_and_logged(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = home.snapshot.count_rows("ivoa.obscore")
    gone = files_of(tree)[0]
    owner = home.ids()[gone]
    (tree / gone).unlink()
    report = home.ingest(tree)
    assert report.withdrawn == 1
    assert gone not in home.ids()
    assert home.snapshot.count_rows("ivoa.obscore") in {before, before - 1}
    logged = [row for row in home.rows("holdings.run_product") if row["state"] == "withdrawn"]
    assert [(row["path"], row["product_id"]) for row in logged] == [(gone, owner[0])]


def test_an_added_file_is_grouped_with_those_that_were_there(home: Home, tree: Path) -> None:
    names = files_of(tree)
    late = tree / names[-1]
    content = late.read_bytes()
    late.unlink()
    home.ingest(tree)
    late.write_bytes(content)
    home.ingest(tree)
    added = home.ids()
    alone = open_home(home.path.parent / "fresh")
    alone.ingest(tree)
    assert added == alone.ids()
    alone.snapshots.close()
    alone.catalogue.close()


def test_a_broken_file_stops_nothing_and_is_listed(home: Home, tree: Path) -> None:
    (tree / "broken.fits").write_bytes(b"this is no FITS file")
    (tree / "naïve:name.fits").write_bytes(b"SIMPLE  =")
    report = home.ingest(tree)
    assert report.failed == 2
    assert report.exit_code == 1
    states = {row["path"]: row for row in home.rows("holdings.product") if row["state"] == "failed"}
    assert set(states) == {"broken.fits", "naïve:name.fits"}
    assert all(row["error_class"] and row["error_message"] for row in states.values())
    assert all(row["dataset_id"] is None for row in states.values())


def test_the_same_paths_in_two_roots_have_identifiers_of_their_own(home: Home, tree: Path) -> None:
    other = tree.parent / "copy"
    shutil.copytree(tree, other)
    home.ingest(tree, root_name="one")
    home.ingest(other, root_name="two")
    names = home.snapshot.read("holdings.product", ["product_id", "dataset_id", "root"]).to_pylist()
    assert len({row["product_id"] for row in names}) == len(names) == 2 * len(files_of(tree))
    owners = [{row["dataset_id"] for row in names if row["root"] == root} - {None} for root in ("one", "two")]
    assert owners[0] and not owners[0] & owners[1]


def test_a_moved_root_keeps_its_name_and_its_files(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = home.ids()
    moved = tree.parent / "elsewhere" / "tree"
    moved.parent.mkdir()
    tree.rename(moved)
    report = home.ingest(moved)
    assert (report.withdrawn, report.skipped) == (0, len(before))
    assert home.ids() == before


def test_a_folder_of_a_known_root_is_looked_at_alone(home: Home, tree: Path) -> None:
    home.ingest(tree)
    first = files_of(tree)[0].split("/")[0]
    report = home.ingest(tree / first)
    assert report.withdrawn == 0
    assert report.skipped < len(files_of(tree)) or len({name.split("/")[0] for name in files_of(tree)}) == 1
    assert list(home.catalogue.roots()) == ["tree"]


def test_a_root_within_a_root_is_not_listed_twice(home: Home, tree: Path) -> None:
    inner = tree / files_of(tree)[0].split("/")[0]
    home.ingest(inner)
    home.ingest(tree)
    assert home.snapshot.count_rows("holdings.product") == len(files_of(tree))


def test_mistakes_in_roots_are_told(home: Home, tmp_path: Path, tree: Path) -> None:
    with pytest.raises(RootError, match="no such file or directory"):
        home.ingest(tmp_path / "nowhere")
    with pytest.raises(RootError, match="letters, digits"):
        home.ingest(tree, root_name="a b")
    with pytest.raises(RootError, match="one by one"):
        home.ingest(tree, tmp_path, root_name="x")


def test_published_paths_are_relative(home: Home, sample: Path, tmp_path: Path) -> None:  # design 4.7
    run(home, sample, "ih")
    for table in published():
        if table.startswith("tap_schema"):
            continue
        rows = home.snapshot.read(table)
        for name, values in zip(rows.column_names, rows.columns):
            if pa.types.is_string(values.type):
                assert not any(str(sample) in (text or "") for text in values.to_pylist()), (table, name)


_SCRIPT = """
import sys
from pathlib import Path
from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.store import Catalogue, Snapshots
home, tree = Path(sys.argv[1]), Path(sys.argv[2])
catalogue = Catalogue.open_in(home)
snapshots = Snapshots(home, catalogue)
print("ready", flush=True)
ingest([tree], home=home, snapshots=snapshots, catalogue=catalogue, published=published(),
       authority="example.test", workers=0)
"""


@pytest.mark.parametrize("delay", [0.1, 0.5])
def test_a_killed_run_leaves_the_old_snapshot_and_the_next_completes(
    home: Home, tree: Path, delay: float
) -> None:
    late = tree / files_of(tree)[-1]
    content = late.read_bytes()
    late.unlink()
    home.ingest(tree)
    before, number = home.ids(), home.snapshot.number
    late.write_bytes(content)
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(home.path), str(tree)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    if home.snapshot.number == number:
        assert home.ids() == before
    home.ingest(tree)
    assert sorted(home.ids()) == files_of(tree)
    dids = [row["obs_publisher_did"] for row in home.rows("ivoa.obscore")]
    assert len(set(dids)) == len(dids)
    assert all(row["state"] != "running" for row in RunLog(home.catalogue).list_runs())
