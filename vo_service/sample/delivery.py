"""Writing a sample: plan observations, make their files, write the archive's table and the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vo_service.sample.archive import ArchiveRow, archive_rows, unusable_rows
from vo_service.sample.disagreements import plant
from vo_service.sample.documents import side_files
from vo_service.sample.drafts import Draft
from vo_service.sample.fitsfile import add_member
from vo_service.sample.measure import measure
from vo_service.sample.member_truth import observation_entries, row_entries
from vo_service.sample.observations import Observation, Planner
from vo_service.sample.profiles import ORDER, Plan, make_plan, oddments
from vo_service.sample.profiles.spare import Originals
from vo_service.sample.truth import (
    Disagreement,
    Listed,
    canonical,
    dataset_entries,
    match_groups,
    number_groups,
    product_entry,
    window_entries,
)
from vo_service.sample.votable import write_votable

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was written: files with FITS-like names, side files, bytes below products/, archive rows, data
    sets.
    """

    directory: Path
    products: int
    side_files: int
    failed: int
    datasets: int
    archive_rows: int
    bytes_written: int


def write_sample(
    directory: Path, seed: int, products: int, progress: Progress | None = None
) -> SampleSummary:
    """Write sample holdings into ``directory``: ``products/``, ``archive.vot`` and ``truth.json``.

    ``products`` counts files of the families, broken ones included; oddments (one for every 16 of them),
    README, scripts and logs come on top. The same seed gives the same bytes. ``progress`` is called with
    (files written, files in all).
    Raises ValueError for less than one product and FileExistsError where ``directory/products`` already
    holds something.
    """
    if products < 1:
        raise ValueError(f"a sample needs at least one product, not {products}")
    root = directory / "products"
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty: name a new directory or remove it first")
    plan = make_plan(Planner(np.random.default_rng([seed, 0])), products)
    listed: list[Listed] = []
    size = 0
    for draft in _drafts(seed, plan):
        listed.append(_write(root, draft))
        size += len(draft.content)
        if progress is not None and not draft.side:
            progress(sum(not item.draft.side for item in listed), products + len(plan.oddments))
    truth, rows = _describe(seed, plan, listed)
    with (directory / "archive.vot").open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(write_votable(rows))
    with (directory / "truth.json").open("w", encoding="utf-8", newline="\n") as stream:
        json.dump({"format": 1, "seed": seed, **truth}, stream, indent=1, ensure_ascii=False, allow_nan=False)
        stream.write("\n")
    counts = truth["counts"]
    assert isinstance(counts, dict)
    return SampleSummary(
        directory, counts["fits"], counts["side"], counts["failed"], counts["datasets"], len(rows), size
    )


def _write(root: Path, draft: Draft) -> Listed:
    target = root / (draft.tar or draft.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if draft.tar is None:
        target.write_bytes(draft.content)
    elif draft.content:
        add_member(target, draft.path.removeprefix(f"{draft.tar}/"), draft.content)
    readable = draft.state == "ok" and not draft.side
    # The bytes are not kept: a sample may be larger than memory.
    return Listed(replace(draft, content=b""), measure(draft.content, draft.rest_known) if readable else None)


def _drafts(seed: int, plan: Plan) -> Iterator[Draft]:
    """Files of all profiles in their quota, then the side files of every member OUS that has products."""
    delivered: dict[str, Observation] = {}
    originals = Originals()
    for number, (name, profile) in enumerate(ORDER, 1):
        files = profile(seed * 1000 + number, plan)
        for _ in range(plan.quotas[name]):
            draft = next(files)
            if draft.observation is not None:
                delivered.setdefault(draft.observation.directory, draft.observation)
            originals.consider(draft)
            yield draft
    yield from oddments.files(seed * 1000 + len(ORDER) + 1, plan, originals)
    for observation in delivered.values():
        yield from side_files(observation)


def _describe(seed: int, plan: Plan, listed: list[Listed]) -> tuple[dict[str, Any], list[ArchiveRow]]:
    """truth.json without its head, and the archive's rows."""
    drafts = [item.draft for item in listed]
    names = number_groups(drafts)
    groups = match_groups(drafts)
    rng = np.random.default_rng([seed, 99])
    rows: list[ArchiveRow] = []
    matches: dict[str, list[int]] = {}
    for observation in plan.archived():
        for label, row in archive_rows(rng, observation):
            group = groups.get((observation.member_uid, canonical(observation.object_name), label or ""))
            if group is not None:
                matches.setdefault(group, []).append(len(rows))
            rows.append(row)
    primaries = {item.draft.group: item for item in listed if item.draft.is_primary}
    planted = plant(
        rng, rows, [(index, names[key], primaries[key]) for key, own in matches.items() for index in own]
    )
    shared = _shared(drafts, matches)
    planted += [
        replace(item, group=names[copy])
        for copy, original in shared.items()
        for item in planted
        if item.group == names[original]
    ]
    rejected: list[dict[str, object]] = []
    for reason, row in unusable_rows(rows[-1]):
        rejected.append({"row": len(rows), "reason": reason})
        rows.append(row)
    odd = min(set(range(len(rows) - len(rejected))) - {index for own in matches.values() for index in own})
    rows[odd]["pwv"] = "n/a"  # no number in a column of numbers: the row stays, the cell is null
    cells = [{"row": odd, "column": "pwv", "text": "n/a"}]
    listed_as = {**matches, **{copy: matches[original] for copy, original in shared.items()}}
    truth = _assemble(listed, names, listed_as, rows, rejected, planted, cells)
    refused = {entry["row"] for entry in rejected if isinstance(entry["row"], int)}
    truth["archive_rows"] = row_entries(rows, matches, names)
    truth["observations"] = observation_entries(plan.archived(), rows, refused, truth["datasets"])
    return truth, rows


def _shared(drafts: list[Draft], matches: dict[str, list[int]]) -> dict[str, str]:
    """Group of a copy that still tells its observation -> the group whose archive rows it shares."""
    groups = {draft.path: draft.group for draft in drafts}
    shared: dict[str, str] = {}
    for draft in drafts:
        original = groups.get(str(draft.notes.get("duplicate_of")))
        if draft.observation is not None and draft.group is not None and original in matches:
            shared[draft.group] = original
    return shared


def _assemble(
    listed: list[Listed],
    names: dict[str, str],
    matches: dict[str, list[int]],
    rows: list[ArchiveRow],
    rejected: list[dict[str, object]],
    planted: list[Disagreement],
    odd_cells: list[dict[str, object]],
) -> dict[str, Any]:
    refused = {entry["row"] for entry in rejected if isinstance(entry["row"], int)}
    matched = sorted({index for own in matches.values() for index in own})
    unmatched = [index for index in range(len(rows)) if index not in refused and index not in set(matched)]
    datasets = dataset_entries(listed, names, matches, rows)
    fits = [item for item in listed if not item.draft.side]
    return {
        "products": [product_entry(item, names) for item in listed],
        "datasets": datasets,
        "archive": {
            "rows": len(rows),
            "matched": matched,
            "unmatched": unmatched,
            "rejected": rejected,
            "odd_cells": odd_cells,
        },
        "windows": window_entries(listed, names, matches, rows, refused),
        "counts": {
            "products": len(listed),
            "fits": len(fits),
            "side": len(listed) - len(fits),
            "failed": sum(item.draft.state == "failed" for item in listed),
            "datasets": len(datasets),
            "obscore_files_only": len(datasets),
            "obscore_archive_only": len(rows) - len(rejected),
            "obscore_all": len(datasets) + len(unmatched),
        },
        "disagreements": [asdict(item) for item in planted],
    }
