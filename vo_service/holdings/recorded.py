"""Products as text: the record of a file that a snapshot keeps, so that no file is read twice.

A harvest that brings facts to a data set rebuilds its rows from these records; only a new or changed file is
opened. Header cards are not in the record: they have a table of their own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

from vo_service.holdings.records import (
    Beam,
    FoundFile,
    Identity,
    ImageLayout,
    Product,
    Repair,
    SkyCoverage,
    SpectralCoverage,
)
from vo_service.sky import parse_region


def record_text(product: Product) -> str:
    """The product as JSON, without its header cards."""
    plain = {each.name: getattr(product, each.name) for each in fields(product) if each.name != "cards"}
    for name in ("file", "layout", "identity", "spectral", "beam"):
        if plain[name] is not None:
            plain[name] = asdict(plain[name])
    if product.sky is not None:
        sky = {each.name: getattr(product.sky, each.name) for each in fields(product.sky)}
        plain["sky"] = sky | {"footprint": product.sky.footprint.to_stcs()}
    plain["repairs"] = [asdict(repair) for repair in product.repairs]
    return json.dumps(plain, separators=(",", ":"))


def read_record(text: str) -> Product:
    """The product of :func:`record_text`; its cards are empty."""
    plain: dict[str, Any] = json.loads(text)
    product = Product(file=FoundFile(**plain.pop("file")))
    identity = plain.pop("identity")
    identity["windows"] = tuple(identity["windows"])
    identity["processing"] = tuple(identity["processing"])
    changes: dict[str, Any] = {
        "identity": Identity(**identity),
        "repairs": tuple(Repair(**repair) for repair in plain.pop("repairs")),
        "polarisations": tuple(plain.pop("polarisations")),
    }
    layout, sky = plain.pop("layout"), plain.pop("sky")
    spectral, beam = plain.pop("spectral"), plain.pop("beam")
    if layout is not None:
        changes["layout"] = ImageLayout(**layout | {"axes": tuple(layout["axes"])})
    if sky is not None:
        sky |= {"footprint": parse_region(sky["footprint"]), "pixels": tuple(sky["pixels"])}
        changes["sky"] = SkyCoverage(**sky)
    if spectral is not None:
        changes["spectral"] = SpectralCoverage(**spectral)
    if beam is not None:
        changes["beam"] = Beam(**beam)
    return replace(product, **plain, **changes)
