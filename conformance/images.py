"""Searches of images, as checks make them: at ``/sia2/query``, round a row that was found there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from conformance.endpoints import where_served
from conformance.findings import judged
from conformance.model import Finding
from conformance.samples import Sample
from conformance.service import Answer, Service, rows_of

QUERY = "sia2/query"
WORDS = re.compile(r"(UsageFault|TransientFault|FatalFault|DefaultFault)(:.*)?")
SOME = ("MAXREC", "200")
DID = "obs_publisher_did"
Pair = tuple[str, str]
where_images_are_sought = where_served("sia2/capabilities", "/sia2")
"""Judge only where something answers at ``/sia2`` of the service."""


@dataclass(frozen=True, slots=True)
class Image:
    """A row that the search found, and one more of another identifier."""

    row: Mapping[str, object]
    other: str

    @property
    def did(self) -> str:
        return str(self.row[DID])

    def number(self, column: str) -> float | None:
        value = self.row.get(column)
        return None if value is None else float(str(value))

    def circle(self, radius: float, across: bool = False) -> str:
        """Round the middle of the row, or round the other side of the sky."""
        lon, lat = float(str(self.row["s_ra"])), float(str(self.row["s_dec"]))
        lon, lat = ((lon + 180.0) % 360.0, -lat) if across else (lon, lat)
        return f"CIRCLE {lon!r} {lat!r} {radius!r}"


def ask(service: Service, *pairs: Pair) -> Answer:
    return service.get(QUERY, pairs)


def found_in(answer: Answer) -> list[str]:
    """The identifiers of an answer, none for an error. Raises Unreadable where it should be a VOTable."""
    return [str(row[DID]) for row in rows_of(answer)] if answer.status == 200 else []


def is_refused(answer: Answer) -> bool:
    return answer.status >= 400 and WORDS.match(error_text(answer)) is not None


def error_text(answer: Answer) -> str:
    """The text of an error: that of QUERY_STATUS, or all of a plain text."""
    if answer.media_type == "text/plain":
        return answer.body.decode("utf-8", "replace")
    try:
        return next((text for value, text in answer.info("QUERY_STATUS") if value == "ERROR"), "")
    except etree.XMLSyntaxError:
        return ""


def _image(service: Service) -> Image | None:
    """The first row that knows where it is, and that its identifier finds again."""
    rows = rows_of(ask(service, SOME))
    dids = [str(row[DID]) for row in rows]
    known = [row for row in rows if all(row.get(name) is not None for name in ("s_ra", "s_dec", "s_region"))]
    for row in sorted(known, key=lambda row: sum(value is None for value in row.values()))[:5]:
        image = Image(row, next((did for did in dids if did != row[DID]), ""))
        if image.other and found_in(ask(service, ("ID", image.did))) == [image.did]:
            return image
    return None


SOUND = Sample("an image", _image, "no image is found by its identifier", where_images_are_sought)
"""A row that is found by its identifier."""


def finds(service: Service, image: Image, *pairs: Pair, found: bool = True) -> Finding:
    """Whether a row meets constraints, or does not."""
    answer = ask(service, ("ID", image.did), *pairs)
    told = " and ".join(f"{name}={value}" for name, value in pairs)
    dids = found_in(answer)
    if found:
        return judged(dids == [image.did], f"{told} finds {image.did}", answer)
    return judged(answer.status == 200 and not dids, f"{told} does not find {image.did}", answer)
