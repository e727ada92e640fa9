"""Links to what others keep: the archive that the data come from, papers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.datalink.links import THIS, Link, fault_link
from vo_service.products.named import Row

_PAPERS: Final = "https://ui.adsabs.harvard.edu/abs"
_BIBCODE: Final = re.compile(r"\d{4}[A-Za-z0-9.&]{14}[A-Z.]")
_ADDRESS: Final = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[\w.+-]+(;.+)?", re.IGNORECASE)
_NOWHERE: Final = ServiceError(ErrorKind.NOT_FOUND, "The archive tells no address of these data.")
_KEPT: Final = ":/?#[]@!$&'()*+,;=%-._~"


def papers(row: Row) -> Iterator[Link]:
    """The papers that were made of the data, by their codes in the Astrophysics Data System."""
    for code in dict.fromkeys(_BIBCODE.findall(row.get("bib_reference") or "")):
        yield Link(
            "#documentation",
            f"Paper made of these data: {code}",
            access_url=f"{_PAPERS}/{quote(code)}/abstract",
            content_type="text/html",
            local="paper",
        )


def archive_links(rows: Iterable[Row]) -> Iterator[Link]:
    """What the archive has of the observations, raw data among it, for rows that data sets of ours answer
    for."""
    for address, some in _by_address(rows, "access_url").items():
        members = ", ".join(dict.fromkeys(str(row["member_ous_uid"]) for row in some))
        yield Link(
            "#progenitor",
            f"What the archive has of member {members}, with its raw data",
            access_url=address,
            content_type=_media_type(some[0]["access_format"]),
            local="archive",
        )


def row_links(rows: Sequence[Row]) -> Iterator[Link]:
    """The links of an archive's rows that no data set of ours answers for."""
    for address, some in _by_address(rows, "_access_path").items():
        targets = ", ".join(dict.fromkeys(row["target_name"] for row in some if row["target_name"]))
        told = f"The data in their archive, of {targets}" if targets else "The data in their archive"
        name = some[0]["member_ous_uid"] or some[0]["obs_id"]
        yield Link(
            THIS,
            f"{told} ({name})",
            access_url=address,
            content_type=_media_type(some[0]["access_format"]),
            local="archive",
        )
    for row in rows:
        if _address(row["_access_path"]) is None:
            yield fault_link(_NOWHERE, row["obs_publisher_did"])
        yield from papers(row)


def _by_address(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Rows by the address that they tell, as it can be fetched; those without one are left out."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        address = _address(row[column])
        if address is not None:
            found.setdefault(address, []).append(row)
    return found


def _media_type(told: str | None) -> str | None:
    """A media type; None for what an archive's table has cut short."""
    return told if told is not None and _MEDIA_TYPE.fullmatch(told) else None


def _address(url: str | None) -> str | None:
    """An address that can be fetched as it is (DL-032); None for what is none."""
    if url is None or _ADDRESS.match(url.strip()) is None:
        return None
    return quote(url.strip(), safe=_KEPT)
