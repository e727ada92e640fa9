"""The windows of a row lie between its ends, which is what line coverage looks rows up by (tests/adql)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vo_service.store import Catalogue, Snapshots


def test_windows_lie_within_the_hull_of_their_row(holdings: Any) -> None:
    """What the range relies on, in rows as ingest and harvest make them."""
    home: Path = holdings.home
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    snapshot = snapshots.current()
    assert snapshot is not None
    rows = snapshot.read("ivoa.obscore", ["em_min", "em_max", "em_support"])
    snapshots.close()
    catalogue.close()
    checked = 0
    for row in rows.to_pylist():
        support = row["em_support"]
        if not support or row["em_min"] is None or row["em_max"] is None:
            continue
        checked += 1
        assert row["em_min"] * (1 - 1e-9) <= min(support)
        assert max(support) <= row["em_max"] * (1 + 1e-9)
    assert checked > 10
