"""Simple Cone Search: ``/cone/ivoa.obscore`` of the service, judged by a row of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from conformance.endpoints import local_type, where_served
from conformance.evidence import is_capabilities
from conformance.findings import failed, judged, not_applicable, not_checked
from conformance.model import Check, Finding, Level, requirement
from conformance.samples import Sample
from conformance.service import Answer, Service, Unreadable, rows_of

SEARCH = "cone/ivoa.obscore"
_UCDS = ("meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main")
_where_there_is_one = where_served(SEARCH, f"/{SEARCH}")
Pair = tuple[str, str]
Place = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class _Centre:
    """A row, and how far away some others are (degrees, by their names)."""

    name: str
    lon: float
    lat: float
    away: Mapping[str, float]

    @property
    def radii(self) -> tuple[float, ...]:
        """Of cones with the row alone (or others at its place), with the nearest one elsewhere, with many."""
        elsewhere = [away for away in self.away.values() if away > 0.001]
        wider = (min(elsewhere) + 0.001, 0.7 * max(elsewhere) + 0.001) if elsewhere else ()
        return (0.001, *wider)

    @property
    def pairs(self) -> tuple[Pair, Pair]:
        return ("RA", repr(self.lon)), ("DEC", repr(self.lat))

    @property
    def elsewhere(self) -> tuple[Pair, Pair]:
        """The other side of the sky."""
        return ("RA", repr((self.lon + 180.0) % 360.0)), ("DEC", repr(-self.lat))


def _ask(service: Service, *pairs: Pair) -> Answer:
    return service.get(SEARCH, pairs)


def _fields(answer: Answer) -> list[etree._Element]:
    return list(answer.xml().iter("{*}FIELD"))


def _places(answer: Answer) -> list[Place]:
    """Key and position of each row; none for an error. Raises Unreadable where columns of these are not
    there."""
    if answer.status != 200:
        return []
    ucds = {str(field.get("ucd")): str(field.get("name")) for field in _fields(answer)}
    if not set(_UCDS) <= set(ucds):
        raise Unreadable("no columns of key and position")
    key, lon, lat = (ucds[ucd] for ucd in _UCDS)
    return [(str(row[key]), float(str(row[lon])), float(str(row[lat]))) for row in rows_of(answer)]


def _away(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Degrees between two positions."""
    lat1, lat2, turn = math.radians(lat1), math.radians(lat2), math.radians(lon2 - lon1)
    east = math.cos(lat2) * math.sin(turn)
    north = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(turn)
    along = math.sin(lat1) * math.sin(lat2) + math.cos(lat1) * math.cos(lat2) * math.cos(turn)
    return math.degrees(math.atan2(math.hypot(east, north), along))


def _find(service: Service) -> _Centre | None:
    """A row of those round (0, 0)."""
    answer = _ask(service, ("RA", "0"), ("DEC", "0"), ("SR", "180"), ("MAXREC", "300"), ("VERB", "1"))
    try:
        places = _places(answer)
    except ValueError:
        return None
    if not places:
        return None
    name, lon, lat = places[0]
    return _Centre(name, lon, lat, {other: _away(lon, lat, x, y) for other, x, y in places})


_ROW = Sample("a row in a cone", _find, "a cone of the whole sky gives no rows", _where_there_is_one)


@requirement("SCS-001", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def asked_by_get(service: Service) -> Iterator[Finding]:
    """Parameters may stand behind an address that ends with ? or with &"""
    sample = _ROW.of(service)
    query = "&".join(f"{name}={value}" for name, value in (*sample.pairs, ("SR", "0.001")))
    for start in ("?", "?&"):
        answer = service.get(f"{SEARCH}{start}{query}")
        names = [name for name, _, _ in _places(answer)]
        yield judged(sample.name in names, f"the row is found by {start}RA=...", answer)


@requirement("SCS-003", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def names_and_order(service: Service) -> Iterator[Finding]:
    """RA, DEC and SR may come in any order, and others beside them"""
    sample = _ROW.of(service)
    ra, dec = sample.pairs
    answer = _ask(service, ("SR", "0.001"), dec, ("x-unknown", "1"), ra)
    yield judged(sample.name in [name for name, _, _ in _places(answer)], "SR, DEC, RA find the row", answer)


@requirement("SCS-004", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def bad_cones_are_refused(service: Service) -> Iterator[Finding]:
    """What is missing, no number or out of range is an error"""
    whole = {"RA": "10", "DEC": "10", "SR": "1"}
    for name in whole:
        answer = _ask(service, *((each, value) for each, value in whole.items() if each != name))
        yield judged(bool(_error(answer)), f"without {name} the answer is an error", answer)
    for name, value in (("DEC", "91"), ("RA", "12h"), ("SR", "-1"), ("RA", "NaN")):
        answer = _ask(service, *{**whole, name: value}.items())
        yield judged(bool(_error(answer)), f"{name}={value} is an error", answer)


def _error(answer: Answer) -> list[str]:
    """What a document tells under the name Error, at the places of the standard."""
    try:
        found = [one for one in answer.xml().iter("{*}INFO", "{*}PARAM") if one.get("name") == "Error"]
    except etree.XMLSyntaxError:
        return []
    return [str(one.get("value")) for one in found]


@requirement("SCS-020", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def errors_have_their_place(service: Service) -> Iterator[Finding]:
    """An error is a VOTable with one INFO or PARAM of the name Error, which says why"""
    answer = _ask(service, ("RA", "10"), ("DEC", "91"), ("SR", "1"))
    told = _error(answer)
    yield judged(len(told) == 1 and "91" in told[0], "it says what was wrong", answer)


@requirement("SCS-021", clause="DALI 1.1, 5.2", level=Level.SHOULD, service="scs")
@_ROW.where_found
def errors_are_those_of_dali(service: Service) -> Iterator[Finding]:
    """An error is an error document of DALI, too: QUERY_STATUS is ERROR, and the status 400"""
    answer = _ask(service, ("RA", "10"), ("DEC", "91"), ("SR", "1"))
    told = [value for value, _ in answer.info("QUERY_STATUS")]
    yield judged(told == ["ERROR"], "QUERY_STATUS is ERROR", answer)
    yield judged(answer.status == 400, "the status is 400", answer)


@requirement("SCS-006", clause="SCS 1.1 (draft), 2", level=Level.SHOULD, service="scs")
@_ROW.where_found
def no_radius(service: Service) -> Iterator[Finding]:
    """SR=0 gives the columns and is no error"""
    answer = _ask(service, *_ROW.of(service).elsewhere, ("SR", "0"))
    yield judged(answer.status == 200 and len(_fields(answer)) >= 3, "there are FIELDs", answer)


@requirement("SCS-009", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def verbosity(service: Service) -> Iterator[Finding]:
    """Key and position stay at every VERB, and a higher one gives no fewer columns"""
    counts = []
    for value in ("1", "2", "3"):
        answer = _ask(service, *_ROW.of(service).pairs, ("SR", "0.001"), ("VERB", value))
        ucds = [field.get("ucd") for field in _fields(answer)]
        yield judged(set(_UCDS) <= set(ucds), f"key and position are there with VERB={value}", answer)
        counts.append(len(ucds))
    yield judged(counts == sorted(counts), f"columns with VERB=1, 2, 3: {counts}")


@requirement("SCS-011", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def rows_lie_in_the_cone(service: Service) -> Iterator[Finding]:
    """The rows are those in the cone"""
    sample = _ROW.of(service)
    for radius in sample.radii:
        answer = _ask(service, *sample.pairs, ("SR", repr(radius)))
        places = _places(answer)
        names = {name for name, _, _ in places}
        far = [name for name, x, y in places if _away(sample.lon, sample.lat, x, y) > radius + 1e-6]
        yield judged(not far, f"SR={radius!r} has nothing from outside: {far[:3]}", answer)
        if "OVERFLOW" in [value for value, _ in answer.info("QUERY_STATUS")]:
            continue  # any of its rows may have been cut
        missing = [name for name, away in sample.away.items() if away < radius - 1e-6 and name not in names]
        yield judged(not missing, f"SR={radius!r} has all that is known there but {missing[:3]}", answer)


@requirement("SCS-014", clause="SCS 1.1 (draft), 2", level=Level.MUST, service="scs")
@_ROW.where_found
def the_results_come_first(service: Service) -> Iterator[Finding]:
    """One RESOURCE, the first, holds the one TABLE of the document"""
    answer = _ask(service, *_ROW.of(service).pairs, ("SR", "0.001"))
    root = answer.xml()
    resources = list(root.iter("{*}RESOURCE"))
    tables = list(root.iter("{*}TABLE"))
    yield judged(len(tables) == 1 and tables[0].getparent() is resources[0], "it is in the first one", answer)
    kinds = [one.get("type", "results") for one in resources]
    yield judged(kinds.count("results") == 1, "one RESOURCE is of type results", answer)


@requirement("SCS-016", clause="SCS 1.1 (draft), 2", level=Level.MUST, service="scs")
@_where_there_is_one
def three_columns_are_marked(service: Service) -> Iterator[Finding]:
    """One FIELD each is the main identifier (a text), right ascension and declination (real numbers)"""
    answer = _ask(service, ("RA", "0"), ("DEC", "0"), ("SR", "180"), ("MAXREC", "5"))
    if answer.status != 200:
        yield not_checked("a cone of the whole sky is not answered here")
        return
    for ucd, kinds in zip(_UCDS, ({"char"}, {"double", "float"}, {"double", "float"}), strict=True):
        found = [str(field.get("datatype")) for field in _fields(answer) if field.get("ucd") == ucd]
        yield judged(len(found) == 1 and set(found) <= kinds, f"one FIELD is {ucd}: {found}", answer)


@requirement("SCS-023", clause="SCS 1.03, 2", level=Level.MUST, service="scs")
@_ROW.where_found
def an_empty_cone_is_no_error(service: Service) -> Iterator[Finding]:
    """A cone without rows has all FIELDs, and is no error"""
    sample = _ROW.of(service)
    full = _ask(service, *sample.pairs, ("SR", "0.001"))
    empty = _ask(service, *sample.elsewhere, ("SR", "0.0000001"))
    if empty.status != 200 or _error(empty):
        yield failed("it is an error", empty)
        return
    yield judged(len(_fields(empty)) == len(_fields(full)), "it has the same FIELDs", empty)
    yield judged(not _places(empty), "it has no rows", empty)


@requirement("SCS-025", clause="SimpleDALRegExt 1.1, 3.1", level=Level.MUST, service="scs")
@_where_there_is_one
def the_search_is_declared(service: Service) -> Iterator[Finding]:
    """Capabilities, where there are some, declare a ConeSearch whose test query gives rows"""
    answer = service.get(f"{SEARCH}/capabilities")
    if not is_capabilities(answer):
        yield not_applicable("the cone search has no capabilities of its own")
        return
    standard = "ivo://ivoa.net/std/conesearch"
    found = [one for one in answer.xml() if str(one.get("standardID", "")).lower() == standard]
    yield judged(len(found) == 1, "one capability is that of a cone search", answer)
    for search in found:
        yield judged(local_type(search) == "ConeSearch", "it is a cs:ConeSearch", answer)
        yield judged(search.findtext("verbosity") in ("true", "false"), "it tells of VERB", answer)
        test = {str(one.tag).upper(): str(one.text) for one in search.iterfind("testQuery/*")}
        if test:
            again = _ask(service, *test.items())
            yield judged(bool(_places(again)), "its test query gives rows", again)


@requirement("SCS-027", clause="SCS 1.1 (draft), 2", level=Level.SHOULD, service="scs")
@_ROW.where_found
def overflow_is_told(service: Service) -> Iterator[Finding]:
    """OVERFLOW is told where MAXREC cut rows"""
    answer = _ask(service, *_ROW.of(service).pairs, ("SR", "180"), ("MAXREC", "1"))
    told = [value for value, _ in answer.info("QUERY_STATUS")]
    yield judged(len(_places(answer)) == 1 and "OVERFLOW" in told, "one row, and OVERFLOW", answer)


CHECKS: tuple[Check, ...] = (
    asked_by_get,
    names_and_order,
    bad_cones_are_refused,
    errors_have_their_place,
    errors_are_those_of_dali,
    no_radius,
    verbosity,
    rows_lie_in_the_cone,
    the_results_come_first,
    three_columns_are_marked,
    an_empty_cone_is_no_error,
    the_search_is_declared,
    overflow_is_told,
)
