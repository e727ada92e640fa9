"""ObsCore 1.1: the columns of ivoa.obscore and the rules their values keep."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps

from conformance.columns import compare, load_columns
from conformance.evidence import has_rows, rows_breaking
from conformance.findings import judged, not_applicable, not_checked
from conformance.model import Check, CheckFunction, Finding, Level, requirement
from conformance.service import Service, rows_of

TABLE = "ivoa.obscore"
ABSENT = "no ivoa.obscore here"
PRODUCT_TYPES = ("image", "cube", "spectrum", "sed", "timeseries", "visibility", "event", "measurements")
POLARISATIONS = ("I", "Q", "U", "V", "RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX", "POLI", "POLA")


def _where_rows_are(function: CheckFunction) -> CheckFunction:
    """Judge only where ivoa.obscore is and holds rows: for checks that look for rows which break a rule."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        if not service.obscore_columns:
            yield not_applicable(ABSENT)
        elif not has_rows(service, TABLE, "obs_publisher_did"):
            yield not_checked(f"{TABLE} holds no rows to judge")
        else:
            yield from function(service)

    return judge


def _no_rows(service: Service, condition: str, rule: str) -> Iterator[Finding]:
    return rows_breaking(service, TABLE, "obs_publisher_did", condition, rule)


@requirement("OBS-002", clause="ObsCore 1.1, 3.2 and table 5", level=Level.MUST, service="obscore")
def columns(service: Service) -> Iterator[Finding]:
    """All mandatory columns are there; each standard column has its type, unit, UCD and utype"""
    if not service.obscore_columns:
        yield not_applicable(ABSENT)
        return
    for column in load_columns("obscore_columns"):
        yield from compare(column, service.obscore_columns.get(column.name))


@requirement("OBS-003", clause="ObsCore 1.1, table 4", level=Level.MUST, service="obscore")
@_where_rows_are
def never_null(service: Service) -> Iterator[Finding]:
    """calib_level, obs_collection, obs_id and obs_publisher_did are never null"""
    for name in ("calib_level", "obs_collection", "obs_id", "obs_publisher_did"):
        yield from _no_rows(service, f"{name} IS NULL", f"{name} is never null")


@requirement("OBS-060", clause="ObsCore 1.1, 3.3.1", level=Level.MUST, service="obscore")
@_where_rows_are
def product_types(service: Service) -> Iterator[Finding]:
    """dataproduct_type is one of the eight words, or null"""
    words = ", ".join(f"'{w}'" for w in PRODUCT_TYPES)
    condition = f"dataproduct_type NOT IN ({words}) AND dataproduct_type IS NOT NULL"
    yield from _no_rows(service, condition, f"dataproduct_type is one of {words}")


@requirement("OBS-062", clause="ObsCore 1.1, 3.3.2", level=Level.MUST, service="obscore")
@_where_rows_are
def calibration_levels(service: Service) -> Iterator[Finding]:
    """calib_level is 0 to 4"""
    yield from _no_rows(service, "calib_level NOT BETWEEN 0 AND 4", "calib_level is 0 to 4")


@requirement("OBS-065", clause="ObsCore 1.1, 3.3.4", level=Level.MUST, service="obscore")
@_where_rows_are
def identifiers_are_unique(service: Service) -> Iterator[Finding]:
    """obs_publisher_did is an ivoid, each its own"""
    answer = service.query("SELECT COUNT(*) AS n, COUNT(DISTINCT obs_publisher_did) AS d FROM ivoa.obscore")
    row = rows_of(answer)[0]
    yield judged(row["n"] == row["d"], f"{row['n']} rows have {row['d']} different identifiers", answer)
    yield from _no_rows(
        service, "obs_publisher_did NOT LIKE 'ivo://%'", "every identifier begins with ivo://"
    )


@requirement("OBS-071", clause="ObsCore 1.1, 3.3.6", level=Level.MUST, service="obscore")
@_where_rows_are
def positions(service: Service) -> Iterator[Finding]:
    """Positions are degrees within their range, both or neither null"""
    yield from _no_rows(
        service, "s_ra < 0 OR s_ra >= 360 OR s_dec < -90 OR s_dec > 90", "positions are in range"
    )
    yield from _no_rows(
        service,
        "(s_ra IS NULL AND s_dec IS NOT NULL) OR (s_ra IS NOT NULL AND s_dec IS NULL)",
        "both are null or neither",
    )


@requirement("OBS-077", clause="ObsCore 1.1, 3.3.7", level=Level.MUST, service="obscore")
@_where_rows_are
def times(service: Service) -> Iterator[Finding]:
    """t_min comes before t_max, exposure times are above zero"""
    yield from _no_rows(service, "t_min > t_max", "t_min <= t_max")
    yield from _no_rows(service, "t_exptime <= 0", "t_exptime > 0")


@requirement("OBS-081", clause="ObsCore 1.1, 3.3.8", level=Level.MUST, service="obscore")
@_where_rows_are
def wavelengths(service: Service) -> Iterator[Finding]:
    """Wavelengths are metres above zero, em_min below em_max"""
    yield from _no_rows(service, "em_min > em_max OR em_min <= 0", "0 < em_min <= em_max")
    yield from _no_rows(service, "em_res_power <= 0", "em_res_power > 0")


@requirement("OBS-085", clause="ObsCore 1.1, B.6.6", level=Level.MUST, service="obscore")
@_where_rows_are
def polarisation_states(service: Service) -> Iterator[Finding]:
    """pol_states is a list of labels between slashes, pol_xel their number"""
    answer = service.query(
        "SELECT DISTINCT pol_states, pol_xel FROM ivoa.obscore WHERE pol_states IS NOT NULL"
    )
    rows = rows_of(answer)
    if not rows:
        yield not_checked("no row has pol_states")
    for row in rows:
        text = str(row["pol_states"])
        labels = text.strip("/").split("/")
        well_formed = text.startswith("/") and text.endswith("/") and set(labels) <= set(POLARISATIONS)
        yield judged(well_formed and len(set(labels)) == len(labels), f"{text} is a list of known labels")
        yield judged(
            row["pol_xel"] is None or row["pol_xel"] == len(labels),
            f"{text} has pol_xel {row['pol_xel']}",
        )


@requirement("OBS-068", clause="practice", level=Level.PRACTICE, service="obscore")
@_where_rows_are
def access_formats_are_media_types(service: Service) -> Iterator[Finding]:
    """access_format is a whole media type, null where and only where access_url is"""
    for row in rows_of(
        service.query("SELECT DISTINCT access_format FROM ivoa.obscore WHERE access_format IS NOT NULL")
    ):
        text = str(row["access_format"])
        yield judged(text.count("/") == 1 and " " not in text, f"{text!r} is a media type")
    for one, other in (("access_url", "access_format"), ("access_format", "access_url")):
        yield from _no_rows(
            service, f"{one} IS NULL AND {other} IS NOT NULL", f"{other} is null where {one} is"
        )


@requirement("OBS-089", clause="practice", level=Level.PRACTICE, service="obscore")
@_where_rows_are
def nulls_come_in_pairs(service: Service) -> Iterator[Finding]:
    """em_min and em_max are null together, and so are position and field of view; no t_max without t_min"""
    yield from _no_rows(service, "t_min IS NULL AND t_max IS NOT NULL", "an end has a start")
    for one, other in (("em_min", "em_max"), ("s_ra", "s_fov")):
        condition = f"({one} IS NULL AND {other} IS NOT NULL) OR ({one} IS NOT NULL AND {other} IS NULL)"
        yield from _no_rows(service, condition, f"{one} and {other} are null together")


CHECKS: tuple[Check, ...] = (
    columns,
    never_null,
    product_types,
    calibration_levels,
    identifiers_are_unique,
    access_formats_are_media_types,
    positions,
    times,
    wavelengths,
    polarisation_states,
    nulls_come_in_pairs,
)
