"""A product's story as lines for a terminal: a word for each step, and what happened there.

Identifiers and paths are never broken, so that they can be copied: one that is too long has its own line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vo_service.holdings.story import Story

_TITLE = 10


def story_lines(story: Story, width: int) -> Iterator[str]:
    """The lines of a story, at most ``width`` wide where no single word is longer."""
    for title, texts in _sections(story):
        for number, text in enumerate(texts):
            yield from _wrapped(title if number == 0 else "", text, width)


def appearance_lines(entries: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """The lines of what runs did at a place that has no story."""
    for number, entry in enumerate(entries):
        yield from _wrapped("runs" if number == 0 else "", _appearance(entry), width)


def _wrapped(title: str, text: str, width: int) -> list[str]:
    """One text behind its title. Blanks that it begins with indent all its lines."""
    indent = " " * (_TITLE + len(text) - len(text.lstrip()))
    lines = textwrap.wrap(
        text.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]
    return [(title.ljust(_TITLE) + lines[0][_TITLE:]).rstrip(), *lines[1:]]


def _sections(story: Story) -> Iterator[tuple[str, list[str]]]:
    product = story.product
    yield "product", [product["product_id"]]
    yield "file", list(_file(story))
    if story.withdrawn:
        yield "withdrawn", list(_withdrawn(product))
    else:
        yield "header", list(_header(story))
        yield "role", list(_role(product))
        yield "identity", [_identity(product)]
        yield "data set", list(_dataset(story))
        yield "archive", list(_archive(story))
        yield "repairs", list(_repairs(story))
        yield "pixels", list(_pixels(story))
        yield "published", list(_published(story))
    yield "runs", [_appearance(entry) for entry in story.runs] or ["none that is still on record"]


def _file(story: Story) -> Iterator[str]:
    product, file = story.product, story.sections()["file"]
    assert isinstance(file, dict)
    yield f"{product['root']}/{product['path']}"
    if product.get("_container"):
        yield f"a member of {product['_container']}"
    if not story.withdrawn:
        yield f"{product['size_bytes']} bytes, changed {file['modified']}"
    yield f"version {product['version']}"
    if product.get("duplicate_of"):
        yield f"holds the same pixels as {product['duplicate_of']}"


def _withdrawn(tombstone: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_shown(tombstone['withdrawn'])}, because: {tombstone['reason']}"
    yield f"successor: {tombstone['successor'] or 'none known'}"


def _header(story: Story) -> Iterator[str]:
    product = story.product
    if product["state"] == "failed":
        yield f"not read: {product['error_class']}: {product['error_message']}"
        return
    kind = product["media_type"] or "unknown type"
    if product["axes"] is None:
        yield f"no image ({kind}); {story.cards} cards kept"
        return
    bits = product["bitpix"]
    numbers = f"{abs(bits)}-bit {'floating point' if bits < 0 else 'integers'}"
    yield f"HDU {product['hdu']}, axes {product['axes'].replace(' ', ' x ')}, {numbers} ({kind})"
    yield f"{story.cards} cards kept, those of HISTORY and COMMENT left out"


def _role(product: Mapping[str, Any]) -> Iterator[str]:
    yield product["role"]
    evidence = product["_evidence_measured"] or product["evidence"]
    if evidence:
        yield f"because: {evidence}"


def _identity(product: Mapping[str, Any]) -> str:
    words = (("project", "proposal_id"), ("member set", "member_ous_uid"), ("target", "target_name"))
    return ", ".join(f"{word} {product[name] or 'unknown'}" for word, name in words)


def _dataset(story: Story) -> Iterator[str]:
    dataset = story.dataset
    if dataset is None:
        yield "none: no science image or map of these holdings that it belongs to"
        return
    yield dataset["dataset_id"]
    windows = dataset["spectral_windows"] or "unknown"
    yield f"{dataset['role']}, windows {windows}, processing {dataset['processing'] or 'not told'}"
    if dataset["parent_dataset_id"]:
        yield f"made from {dataset['parent_dataset_id']}"
    for member in story.members:
        mark = ", the file to use" if member["is_primary"] else ""
        here = " (this one)" if member["product_id"] == story.product["product_id"] else ""
        yield f"{member['role']}{mark}{here}:"
        yield f"  {member['root']}/{member['path']}"


def _archive(story: Story) -> Iterator[str]:
    for row in story.archive:
        yield row["archive_row_id"]
        yield f"  row of {row['source']}, harvested in run {row['run_id']}"
        yield f"  the archive calls it {row['archive_obs_id']}"
    if not story.archive:
        yield "no archive row is listed as this data set"


def _repairs(story: Story) -> Iterator[str]:
    if not story.repairs:
        yield "none: every published value is the card as written"
    for repair in story.repairs:
        of = "" if repair["product_id"] else ", of the data set"
        yield f"{repair['item']} by {repair['rule_id']}, confidence {repair['confidence']:g}{of}"
        yield f"  was     {'nothing' if repair['was'] is None else repair['was']}"
        yield f"  became  {_shown(repair['became'])}"
        yield f"  why     {repair['why']}"


def _pixels(story: Story) -> Iterator[str]:
    found = story.measurement
    if found is None:
        yield "not measured"
        return
    if found["state"] == "failed":
        yield f"not measured: {found['error_class']}: {found['error_message']}"
        return
    unit = found["rms_unit"] or "in an unknown unit"
    if found["rms"] is not None:
        yield f"noise {found['rms']:.4g} {unit}, peak {_number(found['peak'])} {unit}"
        yield f"dynamic range {_number(found['dynamic_range'])}"
    if found["valid_fraction"] is not None:
        area = "" if found["valid_area"] is None else f", {found['valid_area']:.4g} square degrees"
        yield f"{100 * found['valid_fraction']:.1f} % of the pixels are valid{area}"
    yield f"{story.lines} candidates for lines"
    if story.qa2 is not None:
        yield f"QA2: {story.qa2['verdict'] or 'unknown: a value that could change the verdict is not known'}"
    yield f"sha256 of the pixels {found['content_hash']}"


def _published(story: Story) -> Iterator[str]:
    if not story.published:
        yield "no row of ivoa.obscore is of this file"
    for row in story.published:
        yield row["obs_publisher_did"]
        origin = _ORIGINS[row["origin"]]
        yield f"  {row['dataproduct_type']} of {row['target_name'] or 'no named target'}, from {origin}"
        if row["s_ra"] is not None:
            yield f"  at {row['s_ra']:.6f} {row['s_dec']:+.6f} (ICRS)"
        if row["frequency"] is not None:
            frame = row["specsys"] or "of an unknown frame"
            yield f"  {row['frequency']:.6f} GHz in {row['em_xel']} channels, axis {frame}"
        yield f"  released {_shown(row['obs_release_date'])}"


_ORIGINS = {"file": "files alone", "both": "files and archive", "archive": "the archive alone"}


def _appearance(entry: Mapping[str, Any]) -> str:
    text = f"{entry['run_id']} {entry['kind']}: {entry['state']}"
    if entry["error_class"]:
        text += f" ({entry['error_class']}: {entry['error_message']})"
    if entry["repair_count"] is not None:
        text += f", {entry['repair_count']} repairs"
    return text if entry["snapshot"] is None else f"{text}, snapshot {entry['snapshot']}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
