"""Forms become requests: which parameters go together, all combinations, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.parameters import Form
from vo_service.products.selection import Constraints, LineWindow
from vo_service.products.wanted import Cut, HeaderOf, MomentOf, SpectrumOf, Wanted
from vo_service.sky import Circle
from vo_service.soda.errors import MultiValuedError
from vo_service.soda.parameters import TABLE
from vo_service.soda.request import Request, read_requests
from vo_service.spectral import LINES, Frame, line

C = 299792458.0
Pairs = Sequence[tuple[str, str]]


def read(pairs: Pairs, mode: str = "sync") -> tuple[Request, ...]:
    return read_requests(Form.of([("ID", "d"), *pairs]), mode)  # type: ignore[arg-type]


def one(**sent: str) -> Request:
    (found,) = read(list(sent.items()))
    return found


def refusal(pairs: Pairs, mode: str = "sync") -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read(pairs, mode)
    assert caught.value.kind is ErrorKind.USAGE
    return caught.value


def test_nothing_but_an_id_is_all_of_the_data_set() -> None:
    # SODA-017
    assert one() == Request("d", Wanted(Constraints(), ()), "application/fits")


def test_each_parameter_has_its_place() -> None:
    found = one(
        circle="204.25 -29.87 0.01",
        Band="0.0013 0.0014",
        SPECSYS="lsrk",
        TIME="58000 +Inf",
        POL="q",
        WITH="PB",
        OUTSIDE="Blank",
        REBIN="2 2 4",
        RUNID="mine",
        RESPONSEFORMAT="image/fits",
        MAXREC="5",
    )
    assert found.wanted.constraints == Constraints(
        shape=Circle(204.25, -29.87, 0.01),
        frequencies=(C / 0.0014, C / 0.0013),
        frame=Frame.LSRK,
        time=(58000.0, math.inf),
        polarisations=("Q",),
    )
    assert (found.wanted.companions, found.wanted.blank, found.wanted.rebin) == (("pb",), True, (2, 2, 4))
    assert (found.media_type, found.runid) == ("image/fits", "mine")
    assert found.wanted.canonical == (
        f"CIRCLE=204.25 -29.87 0.01&FREQ={C / 0.0014!r} {C / 0.0013!r}&SPECSYS=LSRK&TIME=58000.0 +Inf&POL=Q"
        "&WITH=pb&OUTSIDE=blank&REBIN=2 2 4"
    )


def test_channels_and_pixels_are_counted() -> None:
    found = one(CHANNELS="3 5", PIXELS="1 2 3 4").wanted
    assert found.constraints == Constraints(channels=(3, 5), pixels=((1, 2), (3, 4)))
    assert found.canonical == "PIXELS=1 2 3 4&CHANNELS=3 5"


def test_a_band_round_a_line() -> None:
    rest = line("CO(2-1)").rest_hz
    assert one(LINE="co 2-1").wanted.constraints.line == LineWindow(rest, None, 1000.0)
    found = one(LINE="12CO(2-1)", Z="0.5", WIDTH="600", VELDEF="Optical").wanted
    assert found.constraints.line == LineWindow(rest, 0.5, 600.0, "optical")
    assert found.canonical == "LINE=CO(2-1)&Z=0.5&WIDTH=600.0&VELDEF=optical"
    assert one(LINE="CO(2-1)").wanted.canonical == "LINE=CO(2-1)&WIDTH=1000.0"


@pytest.mark.parametrize("known", LINES[::40], ids=lambda entry: entry.name)
def test_lines_go_by_the_name_of_the_list(known: object) -> None:
    name = known.name  # type: ignore[attr-defined]
    assert one(LINE=name).wanted.said[0] == ("LINE", name)


def test_products_of_other_kinds() -> None:
    # SODA-097
    assert one(MOMENT="1", VELDEF="optical").wanted.result == MomentOf(1, "optical")
    assert one(MOMENT="8", VELDEF="optical") == one(MOMENT="8")  # a peak has no velocity
    assert one(HEADER="1").wanted.result == HeaderOf()
    assert one(HEADER="1", RESPONSEFORMAT="Text/Plain").media_type == "text/plain"
    assert one(SPECTRUM="FLUX").wanted.result == SpectrumOf("flux", "votable")
    assert one(SPECTRUM="sum", VELDEF="optical").wanted.result == SpectrumOf("sum", "votable", "optical")
    assert one(REBIN="2 2 2", MOMENT="0").wanted.rebin == (2, 2, 2)  # SODA-098
    assert one(REBIN="1 1 2", SPECTRUM="sum").wanted.rebin == (1, 1, 2)


@pytest.mark.parametrize(
    ("asked", "form", "media_type"),
    [
        ("votable", "votable", "application/x-votable+xml"),
        ("Application/X-VOTable+XML; charset=utf-8", "votable", "application/x-votable+xml"),
        ("text/xml", "votable", "text/xml"),
        ("fits", "fits", "application/fits"),
        ("image/fits", "fits", "image/fits"),
    ],
)
def test_formats_of_spectra(asked: str, form: str, media_type: str) -> None:
    found = one(SPECTRUM="mean", RESPONSEFORMAT=asked)
    assert (found.wanted.result, found.media_type) == (SpectrumOf("mean", form), media_type)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "asked", "offered"),
    [
        ({}, "votable", "application/fits, image/fits, fits"),
        ({"MOMENT": "0"}, "png", "application/fits, image/fits, fits"),
        ({"HEADER": "1"}, "fits", "text/plain"),
        ({"SPECTRUM": "sum"}, "votable/b2", "votable, application/x-votable+xml, text/xml"),
        ({"SPECTRUM": "sum"}, "csv", "application/fits"),
        ({"SPECTRUM": "sum"}, "nonsense", "application/fits"),
    ],
    ids=str,
)
def test_formats_that_are_not_offered(kind: dict[str, str], asked: str, offered: str) -> None:
    # DALI-051: never another one silently
    error = refusal([*kind.items(), ("RESPONSEFORMAT", asked)])
    assert asked in error.message
    assert offered in (error.hint or "")


def test_an_id_is_needed() -> None:
    # SODA-015
    for form in ((), (("ID", " "),)):
        with pytest.raises(ServiceError, match="ID is missing"):
            read_requests(Form.of(form), "sync")


def test_empty_values_are_as_good_as_none() -> None:
    # SODA-095, for unknown names as well
    assert read([(entry.name, "  ") for entry in TABLE] + [("SCALE", ""), ("RUNID", "")]) == read([])
    assert read([("CIRCLE", ""), ("CIRCLE", "1 2 3"), ("BAND", "")]) == read([("CIRCLE", "1 2 3")])


def test_unknown_names_are_told_and_control_names_pass() -> None:
    # SODA-096
    error = refusal([("BANDS", "1 2"), ("scale", "1")])
    assert error.message == "BANDS, SCALE are no parameters of this service."
    assert all(entry.name in (error.hint or "") for entry in TABLE)
    assert read([("phase", "RUN"), ("DESTRUCTION", "2030-01-01"), ("EXECUTIONDURATION", "1")]) == read([])
    assert "RUNID" in refusal([("RUNID", "x" * 65)]).message
    assert "MAXREC" in refusal([("MAXREC", "-1")]).message


@pytest.mark.parametrize("name", [entry.name for entry in TABLE if not entry.repeats("sync")])
def test_repeated_values_are_never_passed_over(name: str) -> None:
    # SODA-011, SODA-012: equal ones neither
    error = refusal([(name, "1")] * (1 if name == "ID" else 2))
    assert isinstance(error, MultiValuedError)
    assert name in error.message
    several = next(entry for entry in TABLE if entry.name == name).repeats("async")
    assert ("async" in (error.hint or "")) == several


def test_shapes_are_values_of_one_axis() -> None:
    # SODA-022
    pairs = [("POS", "CIRCLE 1 2 3"), ("POLYGON", "1 1 2 1 2 2")]
    assert isinstance(refusal(pairs), MultiValuedError)
    assert len(read(pairs, "async")) == 2


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ({"BAND": "1 2", "FREQ": "1 2"}, "BAND and FREQ"),
        ({"LINE": "CO(2-1)", "CHANNELS": "1 2"}, "LINE and CHANNELS"),
        ({"BAND": "1 2", "LINE": "CO(2-1)"}, "BAND and LINE"),
        ({"MOMENT": "0", "SPECTRUM": "sum"}, "MOMENT and SPECTRUM"),
        ({"MOMENT": "0", "HEADER": "1"}, "MOMENT and HEADER"),
        ({"PIXELS": "1 2 3 4", "CIRCLE": "1 2 3"}, "PIXELS and CIRCLE"),
        ({"Z": "1"}, "Z means nothing without LINE"),
        ({"Z": "1", "MOMENT": "1"}, "Z means nothing without LINE"),
        ({"WIDTH": "100", "CHANNELS": "1 2"}, "WIDTH means nothing without LINE"),
        ({"VELDEF": "optical"}, "VELDEF means nothing without LINE or MOMENT or SPECTRUM"),
        ({"VELDEF": "optical", "HEADER": "1"}, "VELDEF means nothing without LINE or MOMENT or SPECTRUM"),
        ({"SPECSYS": "LSRK"}, "SPECSYS means nothing without BAND or FREQ"),
        ({"SPECSYS": "LSRK", "LINE": "CO(2-1)"}, "SPECSYS means nothing without BAND or FREQ"),
        ({"OUTSIDE": "blank"}, "OUTSIDE means nothing without POS or CIRCLE or POLYGON"),
        ({"OUTSIDE": "blank", "PIXELS": "1 2 3 4"}, "OUTSIDE means nothing without"),
        ({"WITH": "pb", "MOMENT": "0"}, "WITH cannot be sent together with MOMENT"),
        ({"WITH": "pb", "SPECTRUM": "sum"}, "WITH cannot be sent together with SPECTRUM"),
        ({"WITH": "pb", "HEADER": "1"}, "WITH cannot be sent together with HEADER"),
        ({"OUTSIDE": "blank", "CIRCLE": "1 2 3", "SPECTRUM": "sum"}, "OUTSIDE cannot be sent together with"),
        ({"OUTSIDE": "blank", "CIRCLE": "1 2 3", "HEADER": "1"}, "OUTSIDE cannot be sent together with"),
        ({"REBIN": "1 1 2", "HEADER": "1"}, "REBIN cannot be sent together with HEADER"),
        ({"REBIN": "2 1 1", "SPECTRUM": "sum"}, "REBIN averages pixels of the sky"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_parameters_in_the_wrong_company(pairs: dict[str, str], names: str) -> None:
    assert names in refusal(list(pairs.items())).message
    assert refusal(list(pairs.items()), "async").hint


@pytest.mark.parametrize(
    "pairs",
    [{"VELDEF": "radio"}, {"SPECSYS": "BARYCENT"}, {"REBIN": "1 1 1", "HEADER": "1"}],
    ids="-".join,
)
def test_defaults_may_be_sent_anywhere(pairs: dict[str, str]) -> None:
    # SODA-093: forms send them
    without = {name: value for name, value in pairs.items() if name == "HEADER"}
    assert one(**pairs) == one(**without)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CIRCLE", "1 2"),
        ("POS", "CIRCLE 1 91 1"),
        ("BAND", "2 1"),
        ("TIME", "1 NaN"),
        ("POL", "H"),
        ("LINE", "nonsense"),
        ("MOMENT", "3"),
        ("HEADER", "0"),
        ("SPECSYS", "REST"),
    ],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_wrong_values_name_their_parameter(name: str, value: str, mode: str) -> None:
    # SODA-034
    assert refusal([(name, value)], mode).message.startswith(f"{name}={value!r} cannot be used: ")


def test_unknown_labels_are_told_the_known_ones() -> None:
    # SODA-027
    assert "I, Q, U, V, RR, LL, RL, LR, XX, YY, XY, YX, POLI, POLA" in refusal([("POL", "H")]).message


def test_polarisations_and_companions_are_one_filter_each() -> None:
    # SODA-027, SODA-061
    for mode in ("sync", "async"):
        (found,) = read([("POL", "V"), ("POL", "i"), ("pol", "V"), ("WITH", "pb"), ("WITH", "mask")], mode)
        assert found.wanted.constraints.polarisations == ("I", "V")
        assert found.wanted.companions == ("mask", "pb")
        assert found.wanted.canonical == "POL=I&POL=V&WITH=mask&WITH=pb"


def test_every_combination_in_the_order_of_the_input() -> None:
    # SODA-061, SODA-064: IDs outermost, then shapes, bands, times; POL counts once
    ids, bands, times = ("b", "a"), ("2e11 3e11", "1e11 2e11"), ("5 6", "1 2")
    pairs = [("POLYGON", "1 1 2 1 2 2"), ("CIRCLE", "9 9 1"), ("CIRCLE", "1 1 1"), ("POL", "I"), ("POL", "Q")]
    pairs += [("ID", name) for name in ids] + [("FREQ", band) for band in bands]
    pairs += [("TIME", time) for time in times]
    found = read_requests(Form.of(pairs), "async")
    shapes = ("POLYGON=", "CIRCLE=9", "CIRCLE=1")
    expected = list(product(ids, shapes, ("FREQ=2", "FREQ=1"), ("TIME=5", "TIME=1")))
    assert len(found) == len(expected) == 24
    for request, (name, *words) in zip(found, expected, strict=True):
        assert request.id == name
        assert all(word in request.wanted.canonical for word in words)


def test_the_limit_of_combinations_is_told_before_any_value_is_read() -> None:
    pairs = [("CIRCLE", "wrong")] * 40 + [("TIME", "1 2")] * 30
    assert "are 1200 results; one request has at most 1000" in refusal(pairs, "async").message
    form = Form.of([("ID", "a")] * 3)
    assert len(read_requests(form, "async", most=3)) == 3
    with pytest.raises(ServiceError, match="3 results; one request has at most 2"):
        read_requests(form, "async", most=2)


def test_a_cut_out_is_what_there_is_without_more() -> None:
    # SODA-093
    assert isinstance(one().wanted.result, Cut)


def test_the_one_value_of_outside_is_told() -> None:
    assert "known is blank" in refusal([("OUTSIDE", "keep"), ("CIRCLE", "1 2 3")]).message
