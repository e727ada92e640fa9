"""Rows of ``holdings.header_card``. What a card tells of pixels (``pixel_facts.yaml``) is kept apart, with
release date and origin of its file, so that it is shown by the clock as anything measured is (design 4.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from vo_service.holdings.pixel_facts import pixel_keywords
from vo_service.holdings.records import Product
from vo_service.holdings.rows import Row, printable
from vo_service.store import Draft, Snapshot

TABLE = "holdings.header_card"

_KEY = ["product_id", "hdu", "card_index"]
_KEPT_APART = (("value", "_value_measured"), ("comment", "_comment_measured"))
_CLAIM = ("origin", "obs_release_date")


def card_rows(product: Product, listed: Mapping[str, Any]) -> list[Row]:
    """Rows of all cards of a file; ``listed`` is its row of ``holdings.product``."""
    rows: list[Row] = [
        {
            "product_id": listed["product_id"],
            "hdu": card.hdu,
            "card_index": card.index,
            "keyword": printable(card.keyword),
            "value": None if card.value is None else printable(card.value),
            "comment": printable(card.comment),
        }
        for card in product.cards
    ]
    return [_kept_apart(row, listed) if row["keyword"] in pixel_keywords() else row for row in rows]


def _kept_apart(row: Row, listed: Mapping[str, Any]) -> Row:
    """The row of a card that tells of pixels, with the claim of its file; one that is so already, too."""
    apart = {hidden: row.get(hidden) if row[shown] is None else row[shown] for shown, hidden in _KEPT_APART}
    return row | apart | dict.fromkeys(("value", "comment")) | {name: listed[name] for name in _CLAIM}


def refresh_cards(draft: Draft, base: Snapshot | None, listed: pa.Table, fresh: Collection[str]) -> None:
    """Bring the claims of cards that tell of pixels up to date in the draft.

    ``listed`` are the rows of ``holdings.product`` that were made anew, ``fresh`` the products among them
    whose cards are made anew as well.
    """
    if base is None:
        return
    rows = listed.select(["product_id", *_CLAIM]).to_pylist()
    claims = {row["product_id"]: row for row in rows if row["product_id"] not in fresh}
    if not claims:
        return
    where = "keyword IN (SELECT unnest(?)) AND product_id IN (SELECT unnest(?))"
    known = base.read(TABLE, None, where, [sorted(pixel_keywords()), sorted(claims)])
    became = [(row, _kept_apart(row, claims[row["product_id"]])) for row in known.to_pylist()]
    changed = [new for old, new in became if new != old]
    if changed:
        table = pa.Table.from_pylist(changed, schema=known.schema)
        draft.change(TABLE, delete=table.select(_KEY), insert=table)
