"""SIA 2.0: what the constraints of ``/sia2/query`` find, judged by a row of the service's own."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.findings import judged, not_applicable
from conformance.images import SOME, SOUND, ask, finds, found_in, is_refused
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service, rows_of

ANYWHERE = "RANGE -Inf +Inf -Inf +Inf"


@requirement("SIA-007", clause="SIA 2.0, 2.1", level=Level.MUST, service="sia")
@SOUND.where_found
def values_are_alternatives(service: Service) -> Iterator[Finding]:
    """Of one parameter any value may be met, of several parameters all have to be"""
    image = SOUND.of(service)
    answer = ask(service, ("ID", image.did), ("ID", image.other))
    yield judged(set(found_in(answer)) == {image.did, image.other}, "two values of ID find two rows", answer)
    level = int(str(image.row["calib_level"]))
    yield finds(service, image, ("CALIB", str(level)), ("CALIB", str(level + 1)))
    yield finds(service, image, ("CALIB", str(level + 1)), found=False)


@requirement("SIA-020", clause="SIA 2.0, 2.1", level=Level.MUST, service="sia")
@SOUND.where_found
def intervals_that_are_none(service: Service) -> Iterator[Finding]:
    """What is neither a number nor an interval is refused"""
    for name in ("BAND", "EXPTIME"):
        for value in ("1 2 3", "x", "NaN", "500nm"):
            answer = ask(service, (name, value))
            yield judged(is_refused(answer), f"{name}={value} is refused", answer)


@requirement("SIA-046", clause="SIA 2.0, 2.1.5 to 2.1.9", level=Level.MUST, service="sia")
@SOUND.where_found
def numbers_lie_in_closed_intervals(service: Service) -> Iterator[Finding]:
    """FOV, SPATRES, SPECRP, EXPTIME and TIMERES hold the number of their column, ends included"""
    image = SOUND.of(service)
    for name, column in (
        ("FOV", "s_fov"),
        ("SPATRES", "s_resolution"),
        ("SPECRP", "em_res_power"),
        ("EXPTIME", "t_exptime"),
        ("TIMERES", "t_resolution"),
    ):
        value = image.number(column)
        if value is None or value <= 0.0:
            yield finds(service, image, (name, "-Inf -1"), found=False)
            continue
        for span in (f"{value!r}", f"{value!r} {value!r}", f"-Inf {value!r}", f"{value!r} +Inf", "-inf inf"):
            yield finds(service, image, (name, span))
        yield finds(service, image, (name, f"-Inf {0.99 * value!r}"), found=False)


@requirement("SIA-041", clause="SIA 2.0, 2.1.2 and 2.1.3", level=Level.MUST, service="sia")
@SOUND.where_found
def extents_are_met(service: Service) -> Iterator[Finding]:
    """BAND and TIME meet the extent of a row, be it at its ends alone"""
    image = SOUND.of(service)
    for name, first, last in (("BAND", "em_min", "em_max"), ("TIME", "t_min", "t_max")):
        low, high = image.number(first), image.number(last)
        if low is None or high is None or low <= 0.0:
            yield finds(service, image, (name, "-Inf +Inf"), found=False)  # a null meets nothing (SIA-011)
            continue
        for span in (f"{low!r}", f"{high!r}", f"-Inf {low!r}", f"{high!r} +Inf", "-Inf +Inf"):
            yield finds(service, image, (name, span))
        yield finds(service, image, (name, f"-Inf {low * (1.0 - 1e-9)!r}"), found=False)


@requirement("SIA-030", clause="SIA 2.0, 2.1.1", level=Level.MUST, service="sia")
@SOUND.where_found
def shapes_meet_footprints(service: Service) -> Iterator[Finding]:
    """POS meets the footprint of a row: a large circle round it, not a small one far away"""
    image = SOUND.of(service)
    yield finds(service, image, ("POS", image.circle(60.0)))
    yield finds(service, image, ("POS", image.circle(1e-4, across=True)), found=False)
    yield finds(service, image, ("POS", image.circle(1e-4, across=True)), ("POS", image.circle(60.0)))


@requirement("SIA-033", clause="SIA 2.0, 2.1.1", level=Level.MUST, service="sia")
@SOUND.where_found
def polygons_in_either_direction(service: Service) -> Iterator[Finding]:
    """The inside of a polygon is the smaller side, whichever way it is told"""
    image = SOUND.of(service)
    _, lon, lat, _ = image.circle(0.0).split()
    middle = max(-80.0, min(80.0, float(lat)))
    ends = ((-5.0, -8.0), (5.0, -8.0), (5.0, 8.0), (-5.0, 8.0))
    for turn in (0.0, 180.0):
        corners = [((float(lon) + turn + x) % 360.0, middle + y) for x, y in ends]
        for ring in (corners, corners[::-1]):
            text = "POLYGON " + " ".join(f"{x!r} {y!r}" for x, y in ring)
            yield finds(service, image, ("POS", text), found=turn == 0.0)


@requirement("SIA-036", clause="SIA 2.0, 2.1.1", level=Level.MUST, service="sia")
@SOUND.where_found
def ranges_may_be_open(service: Service) -> Iterator[Finding]:
    """Infinite ends of a RANGE are where the axes end"""
    image = SOUND.of(service)
    yield finds(service, image, ("POS", ANYWHERE))
    lat = float(image.circle(0.0).split()[2])
    reach = "-90 -89.9" if lat > 0.0 else "89.9 +Inf"
    yield finds(service, image, ("POS", f"RANGE -Inf +Inf {reach}"), found=False)


@requirement("SIA-044", clause="SIA 2.0, 2.1.4", level=Level.MUST, service="sia")
@SOUND.where_found
def states_are_members(service: Service) -> Iterator[Finding]:
    """POL is one of the states of a row"""
    image = SOUND.of(service)
    states = [state for state in str(image.row.get("pol_states") or "").split("/") if state]
    for state in states[:1]:
        yield finds(service, image, ("POL", state))
    absent = next(state for state in ("POLA", "V", "LR", "YX") if state not in states)
    yield finds(service, image, ("POL", absent), found=False)


@requirement("SIA-052", clause="SIA 2.0, 2.1.10", level=Level.MUST, service="sia")
@SOUND.where_found
def identifiers_in_any_case(service: Service) -> Iterator[Finding]:
    """ID finds a row, whatever the case of the identifier"""
    image = SOUND.of(service)
    answer = ask(service, ("ID", image.did.upper()))
    yield judged(found_in(answer) == [image.did], "an identifier in capitals finds its row", answer)


@requirement("SIA-053", clause="SIA 2.0, 2.1.11", level=Level.MUST, service="sia")
@SOUND.where_found
def names_are_exact(service: Service) -> Iterator[Finding]:
    """COLLECTION, FACILITY and INSTRUMENT are the whole names, case included"""
    image = SOUND.of(service)
    columns = {"COLLECTION": "obs_collection", "FACILITY": "facility_name", "INSTRUMENT": "instrument_name"}
    for name, column in columns.items():
        value = str(image.row.get(column) or "")
        if not value:
            yield not_applicable(f"the row has no {column}")
            continue
        yield finds(service, image, (name, value))
        if value.swapcase() == value:
            yield not_applicable(f"{column} {value!r} has no letters")
        else:
            yield finds(service, image, (name, value.swapcase()), found=False)


@requirement("SIA-056", clause="SIA 2.0, 2.1.14", level=Level.MUST, service="sia")
@SOUND.where_found
def images_and_cubes_alone(service: Service) -> Iterator[Finding]:
    """DPTYPE is image or cube, and so is all that is found"""
    answer = ask(service, SOME)
    kinds = {str(row["dataproduct_type"]) for row in rows_of(answer)}
    yield judged(kinds <= {"image", "cube"}, f"images and cubes are found: {sorted(kinds)}", answer)
    image = SOUND.of(service)
    kind = str(image.row["dataproduct_type"])
    yield finds(service, image, ("DPTYPE", kind))
    yield finds(service, image, ("DPTYPE", "cube" if kind == "image" else "image"), found=False)
    yield finds(service, image, ("DPTYPE", "spectrum"), found=False)


CHECKS: tuple[Check, ...] = (
    values_are_alternatives,
    intervals_that_are_none,
    numbers_lie_in_closed_intervals,
    extents_are_met,
    shapes_meet_footprints,
    polygons_in_either_direction,
    ranges_may_be_open,
    states_are_members,
    identifiers_in_any_case,
    names_are_exact,
    images_and_cubes_alone,
)
