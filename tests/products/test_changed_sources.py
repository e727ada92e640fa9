"""A result bears the tag of what was ingested: a source that changed between the look at its row and the
first read gives none, whether its bytes are sent as they lie there or computed in a process later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cut_files import found_at
from product_files import write_product

from vo_service.access import Viewer
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.pixels.sources import LocalFile
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived
from vo_service.products.images import Images
from vo_service.products.making import Input, Making
from vo_service.products.results import Results
from vo_service.products.selection import Constraints, RowFacts
from vo_service.products.shelf import Shelf
from vo_service.products.stored import OpenSource, StoredFile, open_source
from vo_service.products.wanted import Wanted
from vo_service.store import RootPlace

REBINNED = Wanted(Constraints(), (("REBIN", "2 2 1"),), rebin=(2, 2, 1))
PLAIN = Wanted(Constraints(channels=(1, 2)), (("CHANNELS", "1 2"),))


@pytest.fixture
def stored(tmp_path: Path) -> StoredFile:
    write_product(tmp_path / "cube.fits")
    return StoredFile("a-product", found_at(tmp_path / "cube.fits"), 1, "application/fits", "sample", None)


def touch(path: Path) -> None:
    """Another time of change, as new bytes bring it."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def test_a_file_that_changed_while_its_turn_was_waited_for_is_not_computed_from(
    stored: StoredFile, tmp_path: Path
) -> None:
    cube = tmp_path / "cube.fits"
    one = Input(stored, LocalFile(cube), tmp_path / "indexes")
    making = Making((one,), RowFacts(), None, REBINNED, 1 << 20)
    making(tmp_path / "as-found")
    cube.write_bytes(b"something else")
    with pytest.raises(ServiceError) as refused:
        making(tmp_path / "changed")
    assert refused.value.kind is ErrorKind.CONFLICT


@pytest.mark.parametrize("changes", [False, True])
def test_a_file_that_changed_since_it_was_opened_is_not_sent(
    stored: StoredFile, tmp_path: Path, changes: bool
) -> None:
    roots: Mapping[str, RootPlace] = {"r": tmp_path}

    def open_then_change(file: StoredFile) -> OpenSource:
        opened = open_source(file, roots)
        if changes:
            touch(tmp_path / file.name)
        return opened

    shelf = SimpleNamespace(open_source=open_then_change, require_open=lambda file, viewer: None)
    results = Results(
        cast("Shelf", shelf), Images(1), Derived(tmp_path / "cache", 1 << 20), tmp_path / "indexes", 1 << 20
    )
    found = DataSet(stored, {}, {})

    def make() -> None:
        ready = results.make(
            found, PLAIN, "application/fits", Viewer(), lambda work, ended: None, Cancellation()
        )
        assert ready.handle.read_at(0, 6) == b"SIMPLE"
        ready.handle.close()

    if not changes:
        make()
        return
    with pytest.raises(ServiceError) as refused:
        make()
    assert refused.value.kind is ErrorKind.CONFLICT
