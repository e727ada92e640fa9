"""Disagreements between archive rows and files, planted on purpose in rows that match a data set.

Measures of the file win for position, frequency, beam, band and channel count; the archive's spelling of a
target wins because clients filter by it. Each kind is planted once or twice, on different rows; the channel
count differs by itself wherever the image of a window is one channel of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vo_service.sample.archive import ArchiveRow
from vo_service.sample.lines import SPEED_OF_LIGHT, receiver_band
from vo_service.sample.truth import Disagreement, Listed, canonical

Match = tuple[int, str, Listed]  # index of the row, name of the group, its primary file


def _other_spelling(name: str) -> str:
    for other in (name.replace("_", " "), name.replace(" ", "_"), name.lower(), name.upper()):
        if other != name and canonical(other) == canonical(name):
            return other
    raise ValueError(f"no other spelling of {name!r}")


def _target(row: ArchiveRow, item: Listed) -> list[tuple[str, object, object, str]]:
    was = str(row["target_name"])
    row["target_name"] = _other_spelling(was)
    row["obs_id"] = str(row["obs_id"]).replace(
        was.replace(" ", "_"), str(row["target_name"]).replace(" ", "_")
    )
    return [("target_name", row["target_name"], was, "archive")]


def _resolution(row: ArchiveRow, item: Listed) -> list[tuple[str, object, object, str]]:
    size = item.measured.s_resolution if item.measured is not None else None
    row["s_resolution"] = row["spatial_resolution"] = (size or 1.0) * 1.7
    return [("s_resolution", row["s_resolution"], size, "file")]


def _frequency(row: ArchiveRow, item: Listed) -> list[tuple[str, object, object, str]]:
    """The row carries the frequencies of the other sideband; its width stays."""
    seen = item.draft.observation
    if seen is None or item.measured is None or item.measured.em_min is None or item.measured.em_max is None:
        raise ValueError("a matched file has an observation and a spectral axis")
    window = next(w for w in reversed(seen.windows) if w.label not in item.draft.windows)
    half = 0.5 * float(row["bandwidth"] or 0.0)
    low, high = window.centre - half, window.centre + half
    row.update(em_min=SPEED_OF_LIGHT / high, em_max=SPEED_OF_LIGHT / low, frequency=window.centre / 1e9)
    file_value = 0.5 * SPEED_OF_LIGHT * (1.0 / item.measured.em_min + 1.0 / item.measured.em_max) / 1e9
    return [("frequency", row["frequency"], file_value, "file")]


def _band(row: ArchiveRow, item: Listed) -> list[tuple[str, object, object, str]]:
    true = receiver_band(float(row["frequency"] or 0.0) * 1e9)
    row["band_list"] = "3" if true != 3 else "6"
    return [("band_list", row["band_list"], str(true), "file")]


def _position(row: ArchiveRow, item: Listed) -> list[tuple[str, object, object, str]]:
    """Half an arcminute off in declination."""
    row["s_dec"] = float(row["s_dec"] or 0.0) + 0.5 / 60.0
    return [("s_dec", row["s_dec"], item.measured.s_dec if item.measured is not None else None, "file")]


_KINDS = (_target, _resolution, _frequency, _band, _position)


def plant(rng: np.random.Generator, rows: list[ArchiveRow], matches: Sequence[Match]) -> list[Disagreement]:
    """Change some of ``rows`` in place and say what was changed; M83, queried first, is left alone."""
    candidates = [match for match in matches if not _is_m83(match[2])]
    chosen = [candidates[int(i)] for i in rng.permutation(len(candidates))[: 2 * len(_KINDS)]]
    planted = [
        Disagreement(index, group, "em_xel", rows[index]["em_xel"], item.measured.n_chan, "file")
        for index, group, item in matches
        if item.measured is not None and item.measured.n_chan != rows[index]["em_xel"]
    ]
    for kind, (index, group, item) in zip(_KINDS * 2, chosen, strict=False):
        for column, archive, file, winner in kind(rows[index], item):
            planted.append(Disagreement(index, group, column, archive, file, winner))
    return planted


def _is_m83(item: Listed) -> bool:
    seen = item.draft.observation
    return seen is not None and "M83" in seen.source.spellings
