"""Opening files: only under their root, only as they were ingested."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from vo_service.dali.errors import ServiceError
from vo_service.holdings.records import FoundFile
from vo_service.products.stored import StoredFile, open_file

CONTENT = b"SIMPLE  = T" * 100


def stored(there: Path, base: Path, **changes: object) -> StoredFile:
    state = there.stat()
    facts: dict[str, object] = {
        "root": "main",
        "path": there.relative_to(base).as_posix(),
        "size_bytes": state.st_size,
        "modified_ns": state.st_mtime_ns,
    }
    name = str(changes.pop("product_id", "p-1"))
    version = int(str(changes.pop("version", 1)))
    found = FoundFile(**{**facts, **changes})  # type: ignore[arg-type]
    return StoredFile(name, found, version, "application/fits", "file", None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "root"
    (directory / "a b").mkdir(parents=True)
    (directory / "a b" / "x.fits").write_bytes(CONTENT)
    return directory


def status_of(file: StoredFile, root: Path) -> int:
    with pytest.raises(ServiceError) as caught:
        open_file(file, {"main": root})
    assert str(root) not in caught.value.text  # DALI-100: no path of the server
    return caught.value.status


def test_a_file_opens_as_it_was_ingested(root: Path) -> None:
    with closing(open_file(stored(root / "a b" / "x.fits", root), {"main": root})) as handle:
        assert handle.read_at(0, 1 << 20) == CONTENT


def test_a_root_that_is_itself_a_link_is_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with closing(open_file(stored(root / "a b" / "x.fits", root), {"main": tmp_path / "link"})) as handle:
        assert handle.read_at(0, 6) == b"SIMPLE"


def test_a_link_within_the_root_is_followed_and_one_out_of_it_is_not(root: Path, tmp_path: Path) -> None:
    (root / "inner.fits").symlink_to(root / "a b" / "x.fits")
    outside = tmp_path / "outside.fits"
    outside.write_bytes(CONTENT)
    (root / "outer.fits").symlink_to(outside)
    (root / "elsewhere").symlink_to(tmp_path)
    open_file(stored(root / "inner.fits", root), {"main": root}).close()
    assert status_of(stored(root / "outer.fits", root), root) == 404
    assert status_of(stored(root / "elsewhere" / "outside.fits", root), root) == 404


@pytest.mark.parametrize("path", ["../outside.fits", "a b/../../outside.fits"])
def test_no_path_leads_out_of_the_root(root: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.fits").write_bytes(CONTENT)
    assert status_of(stored(root / "a b" / "x.fits", root, path=path), root) == 404


def test_an_absolute_path_leads_nowhere(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.fits"
    outside.write_bytes(CONTENT)
    assert status_of(stored(root / "a b" / "x.fits", root, path=str(outside)), root) == 404


def test_a_file_that_has_gone_is_410(root: Path) -> None:
    file = stored(root / "a b" / "x.fits", root)
    (root / "a b" / "x.fits").unlink()
    assert status_of(file, root) == 410


def test_a_root_that_has_gone_is_503_since_a_disk_may_come_back(root: Path) -> None:
    file = stored(root / "a b" / "x.fits", root)
    root.rename(root.with_name("moved"))
    assert status_of(file, root) == 503


def test_an_unknown_root_is_503(root: Path) -> None:
    assert status_of(stored(root / "a b" / "x.fits", root, root="other"), root) == 503


def test_a_file_that_changed_is_409(root: Path) -> None:
    path = root / "a b" / "x.fits"
    file = stored(path, root)
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(file.found.modified_ns + 1, file.found.modified_ns + 1))
    assert status_of(file, root) == 409
    path.write_bytes(CONTENT + b"x")
    os.utime(path, ns=(file.found.modified_ns, file.found.modified_ns))
    assert status_of(file, root) == 409


def test_what_is_no_file_any_more_is_410(root: Path) -> None:
    path = root / "a b" / "x.fits"
    file = stored(path, root)
    path.unlink()
    os.mkfifo(path)
    assert status_of(file, root) == 410
    path.unlink()
    path.mkdir()
    assert status_of(file, root) == 410


def test_the_tag_changes_with_the_bytes_and_not_with_the_place(root: Path) -> None:
    file = stored(root / "a b" / "x.fits", root)
    assert file.etag == stored(root / "a b" / "x.fits", root, path="moved/x.fits").etag
    others = [{"product_id": "p-2"}, {"version": 2}, {"size_bytes": 1}, {"modified_ns": 1}]
    tags = {stored(root / "a b" / "x.fits", root, **change).etag for change in others}
    assert len(tags | {file.etag}) == 5
    assert file.etag.startswith('"') and file.etag.endswith('"')
