"""Project, uids, source, windows, tags and stems from paths, names and cards."""

from __future__ import annotations

import pytest
from product_files import header_of, product_at

from vo_service.holdings.file_names import read_name
from vo_service.holdings.identity import identify, identify_path
from vo_service.holdings.words import role_words

MEMBER = (
    "2017.1.00079.S/science_goal.uid___A001_X1_X2/group.uid___A001_X1_X3/member.uid___A001_X1_X4/product/"
)
PIPELINE = "member.uid___A001_X1_X4.J0522-3627_bp.spw25_27.cont.I.tt0.pbcor.fits"


def test_a_delivered_product_tells_everything() -> None:
    identity = identify_path(product_at(MEMBER + PIPELINE)).identity
    assert identity.project_code == "2017.1.00079.S"
    assert identity.science_goal_uid == "uid://A001/X1/X2"
    assert identity.group_ous_uid == "uid://A001/X1/X3"
    assert identity.member_ous_uid == "uid://A001/X1/X4"
    assert (identity.target_name, identity.intent) == ("J0522-3627", "bp")
    assert identity.windows == ("25", "27")
    assert identity.processing == ("cont", "tt0", "pbcor")


@pytest.mark.parametrize(
    ("path", "uids"),
    [
        (PIPELINE, (None, None, "uid://A001/X1/X4")),
        (
            "p/uid___A001_X1_X2/uid___A001_X1_X3/uid___A002_X1_X4/product/a.fits",
            ("uid://A001/X1/X2", "uid://A001/X1/X3", "uid://A002/X1/X4"),
        ),
        ("p/uid___A002_X1_X4/product/a.fits", (None, None, "uid://A002/X1/X4")),
        ("raw/uid___A002_X1_X4.ms.split.cal.fits", (None, None, None)),
        ("group.uid___A001_X1_X3.M83_sci.spw1.cube.I.pbcor.fits", (None, "uid://A001/X1/X3", None)),
    ],
)
def test_uids_of_paths(path: str, uids: tuple[str | None, ...]) -> None:
    identity = identify_path(product_at(path)).identity
    assert (identity.science_goal_uid, identity.group_ous_uid, identity.member_ous_uid) == uids


def test_an_older_pipeline_name_with_quoted_source() -> None:
    name = read_name("uid___A001_X1284_X6c1.s33_0._G31.41+0.31__sci.spw25.cube.I.iter1.image.pbcor.fits")
    assert (name.source, name.windows, name.intent) == ("G31.41+0.31", ("25",), "sci")


@pytest.mark.parametrize(
    "names",
    [
        (
            "M83_sci.spw25.cube.I.pbcor.fits",
            "M83_sci.spw25.cube.I.pb.fits.gz",
            "M83_sci.spw25.cube.I.mask.fits",
        ),
        (
            "X_sci.spw25_27.cont.I.tt0.pbcor.fits",
            "X_sci.spw25_27.cont.I.pb.tt0.fits",
            "X_sci.spw25_27.cont.I.alpha.fits",
        ),
        (
            "N1_co21_12m+7m.fits",
            "N1_co21_12m+7m_broad_mom0.fits",
            "N1_co21_12m+7m_strictmask.fits",
            "N1_co21_12m+7m_noise.fits",
        ),
        (
            "P.cii.image.pbcor.fits",
            "P.cii.image.fits",
            "P.cii.psf.fits",
            "P.cii.residual.fits",
            "P.cii.mom_0.fits",
        ),
    ],
)
def test_companions_and_maps_share_the_stem_of_their_image(names: tuple[str, ...]) -> None:
    stems = {read_name(name).stem(role_words(read_name(name))) for name in names}
    assert len(stems) == 1


@pytest.mark.parametrize("name", ["mask.fits", "pb.fits", "image.pbcor.fits", ".fits", "a"])
def test_a_stem_is_never_empty(name: str) -> None:
    read = read_name(name)
    assert read.stem(role_words(read)) or not read.base


def test_cards_speak_where_the_path_is_silent() -> None:
    header = header_of({"FILNAM01": "uid___A001_X1284_X6c1", "SPW": "25"})
    header = type(header)(
        header.keywords, header.axes, b"COMMENT Data from ALMA Proposal ID: 2017.1.00886.L".ljust(80)
    )
    product = identify(product_at("spw_mom0.fits"), header)
    identity = product.identity
    assert (identity.member_ous_uid, identity.windows) == ("uid://A001/X1284/X6c1", ("25",))
    assert identity.project_code == "2017.1.00886.L"
    assert {repair.rule for repair in product.repairs} == {"ID-HEADER"}
    told = identify(product_at(MEMBER + PIPELINE), header)
    assert told.identity.member_ous_uid == "uid://A001/X1/X4" and not told.repairs
