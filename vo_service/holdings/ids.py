"""Identifiers that outlive a move of the tree: of a file, of a data set, of an archive row.

An identifier is a readable slug and a hash of twelve hexadecimal digits, all of ``[a-z0-9-]+``, safe in any
path or query (design 4.2, OBS-065). It is made from what a product *is* (member uid, source, windows, kind,
processing, name), or, where there is no uid, from its path relative to the ingest root; never from an
absolute path, a time stamp or a snapshot number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.holdings.records import Product

Key = TypeVar("Key")

_UNSAFE = re.compile(r"[^a-z0-9]+")
_SLUG_LENGTH = 96


def slug(*parts: str | None) -> str:
    """The parts joined by hyphens in ``[a-z0-9-]``, cut to a length that suits a file name; may be empty."""
    text = "-".join(part for part in parts if part)
    return _UNSAFE.sub("-", text.lower()).strip("-")[:_SLUG_LENGTH].strip("-")


def short_hash(*parts: str | None) -> str:
    """Twelve hexadecimal digits of BLAKE2b over the parts; ``None`` and the empty text are told apart."""
    text = "\x1f".join("\x00" if part is None else part for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


def identifier(readable: str, *exact: str | None) -> str:
    """The readable slug with the hash of the exact parts behind it."""
    digest = short_hash(*exact)
    return f"{readable}-{digest}" if readable else digest


def product_id(product: Product) -> str:
    """The natural identifier of a file: the same wherever its tree lies."""
    identity = product.identity
    name = PurePosixPath(product.file.path).name
    uid = identity.member_ous_uid
    windows = " ".join(identity.windows)
    if uid is None:
        return identifier(slug(_bare(name)), "path", product.file.path)
    readable = slug(
        uid, identity.target_name, windows and f"spw{windows}", product.role, *identity.processing
    )
    # The file name keeps companions and weightings apart that share everything else; unlike a hash given only
    # to the later of two, it does not depend on which was ingested first.
    return identifier(readable, "product", uid, name)


def dataset_id(primary: Product, kind: str, stem: str) -> str:
    """The natural identifier of a data set: uid, source, windows, kind and stem.

    ``stem`` carries the processing tags that all members share and not those that say how finished one of
    them is, so a corrected image that arrives after the uncorrected one joins the data set without renaming
    it.
    """
    identity = primary.identity
    uid = identity.member_ous_uid
    windows = " ".join(identity.windows)
    if uid is None:
        folder = PurePosixPath(primary.file.path).parent.as_posix()
        return identifier(slug(stem, kind), "dataset", folder, stem, kind)
    readable = slug(uid, identity.target_name, windows and f"spw{windows}", kind)
    return identifier(readable, "dataset", uid, stem, kind)


def bare_name(product: Product) -> str:
    """The file's name without the endings that say only how it is packed."""
    return _bare(PurePosixPath(product.file.path).name)


def _bare(name: str) -> str:
    """A file name without the suffixes that say only how it is packed."""
    return re.sub(r"(\.fits?|\.fts)?(\.gz|\.fz|\.z)?$", "", name, flags=re.IGNORECASE)


def assign(
    wanted: Iterable[tuple[Key, str, str]], kept: Mapping[Key, str], taken: Iterable[str] = ()
) -> dict[Key, str]:
    """Unique identifiers for ``(key, natural identifier, place)``.

    A key in ``kept`` keeps the identifier it was published with, whatever its natural one is today; ``taken``
    are those of keys that are not among the wanted ones. Of several that want one identifier the first takes
    it, each other has a hash of its place (root and relative path) behind it.

    Raises ValueError where two keys have both the same natural identifier and the same place.
    """
    wanted = list(wanted)
    given = {key: kept[key] for key, _natural, _place in wanted if key in kept}
    used = set(taken) | set(given.values())
    for key, natural, place in wanted:
        if key in given:
            continue
        name = natural if natural not in used else f"{natural}-{short_hash('place', place)}"
        if name in used:
            raise ValueError(f"two products claim the identifier {name}: {place} is listed twice")
        given[key] = name
        used.add(name)
    return given


def slugs(texts: pa.Array) -> pa.Array:
    """:func:`slug` of every text of an Arrow string array; null stays null, nothing readable becomes null."""
    lowered = pc.replace_substring_regex(pc.utf8_lower(texts), r"[^a-z0-9]+", "-")
    cut = pc.utf8_trim(pc.utf8_slice_codeunits(pc.utf8_trim(lowered, "-"), 0, 48), "-")
    return pc.if_else(pc.equal(cut, ""), pa.scalar(None, pa.string()), cut)


def hashes(texts: Sequence[str]) -> pa.Array:
    """:func:`short_hash` of every text; the one step of the bulk path that works text by text."""
    blake = hashlib.blake2b
    return pa.array([blake(text.encode(), digest_size=6).hexdigest() for text in texts], pa.string())
