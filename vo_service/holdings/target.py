"""The name of the target, from OBJECT or else from the pipeline's file name."""

from __future__ import annotations

import re
from dataclasses import replace

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair

_STAND_INS = frozenset({"none", "unknown", "unnamed", "null", "n/a", "na", "-", "?", "object", "undefined"})


def name_target(product: Product, header: ImageHeader) -> Product:
    """OBJECT without superfluous blanks; where it is blank, the source part of a pipeline file name."""
    keys = header.keywords
    written = keys.written("OBJECT")
    cleaned = re.sub(r"\s+", " ", str(keys.get("OBJECT", ""))).strip()
    repairs = []
    if cleaned.lower() in _STAND_INS:
        repairs.append(Repair("OBJECT", written, None, "OBJ-BLANK", f"{written!r} names nothing"))
        cleaned = ""
    elif written is not None and not cleaned:
        fault = keys.text_fault("OBJECT")
        why = fault.message if fault else "OBJECT is blank"
        repairs.append(Repair("OBJECT", written, None, "OBJ-BLANK", why))
    elif written is not None and cleaned != written:
        repairs.append(Repair("OBJECT", written, cleaned, "OBJ-CLEAN", "superfluous blanks removed"))
    from_name = product.identity.target_name
    if not cleaned and from_name is not None:
        repairs.append(
            Repair("OBJECT", written, from_name, "OBJ-FILE-NAME", "the source part of the file name", 0.8)
        )
        cleaned = from_name
    identity = replace(product.identity, target_name=cleaned or None)
    return product.repaired(
        *repairs,
        identity=identity,
        telescope=keys.text("TELESCOP"),
        instrument=keys.text("INSTRUME"),
    )


def note_encoding(product: Product, header: ImageHeader) -> Product:
    """One repair row for each card whose bytes were not ASCII."""
    return product.repaired(
        *(
            Repair(
                card.keyword,
                card.was,
                card.text,
                "TEXT-ENCODING",
                f"bytes outside ASCII, read as {card.encoding}",
            )
            for card in header.spoilt
        )
    )
