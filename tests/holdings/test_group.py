"""Grouping of science images with companions and derived maps (design 4.1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vo_service.holdings.group import Group, group_products, name_groups, unit_of
from vo_service.holdings.match import WindowRow, match_rows
from vo_service.holdings.records import FoundFile, Identity, ImageLayout, Product

UID = "uid://A001/X1/X2"
STEM = "member.uid___A001_X1_X2.NGC253_sci.spw25"


def product(
    name: str,
    role: str,
    stem: str,
    *,
    windows: tuple[str, ...] = ("25",),
    processing: tuple[str, ...] = (),
    folder: str = "product",
    root: str = "r",
    packed: bool = False,
    axes: tuple[int, ...] = (64, 64, 1, 10),
    uid: str | None = UID,
    target: str = "NGC253",
) -> Product:
    identity = Identity(
        member_ous_uid=uid,
        target_name=target,
        intent="sci",
        windows=windows,
        processing=processing,
        stem=stem,
    )
    layout = ImageLayout(0, axes, -32, 2880, "gzip" if packed else None)
    return Product(
        FoundFile(root, f"{folder}/{name}", 1, 1),
        role=role,
        identity=identity,
        layout=layout,
        polarisations=("I",),
    )


def pipeline_set() -> list[Product]:
    cube, mfs = f"{STEM}.cube.I", f"{STEM}.mfs.I"
    return [
        product("cube.pbcor.fits", "cube", cube, processing=("cube", "pbcor")),
        product("cube.fits", "cube", cube, processing=("cube",)),
        product("cube.pb.fits.gz", "pb", cube, packed=True),
        product("cube.mask.fits", "mask", cube),
        product("mfs.pbcor.fits", "image", mfs, processing=("mfs", "pbcor"), axes=(64, 64, 1, 1)),
        product("mfs.pb.fits", "pb", mfs, axes=(64, 64, 1, 1)),
        product("cube.mom0.fits", "moment0", cube, axes=(64, 64)),
        product("README.txt", "document", "", windows=()),
    ]


def members(groups: tuple[Group, ...]) -> dict[str, list[str]]:
    return {
        group.primary.file.path.rpartition("/")[2]: sorted(
            each.file.path.rpartition("/")[2] for each in group.members
        )
        for group in groups
    }


def test_companions_join_their_image_and_the_corrected_one_is_primary() -> None:
    found = members(group_products(pipeline_set()))
    assert found == {
        "cube.pbcor.fits": ["cube.fits", "cube.mask.fits", "cube.pb.fits.gz", "cube.pbcor.fits"],
        "mfs.pbcor.fits": ["mfs.pb.fits", "mfs.pbcor.fits"],
        "cube.mom0.fits": ["cube.mom0.fits"],
    }


def test_a_derived_map_names_its_cube() -> None:
    derived = next(group for group in group_products(pipeline_set()) if group.role == "moment0")
    assert derived.parent is not None
    assert derived.parent.file.path.endswith("cube.pbcor.fits")


@given(st.permutations(pipeline_set()))
def test_grouping_does_not_depend_on_the_order_of_files(files: list[Product]) -> None:
    assert group_products(files) == group_products(pipeline_set())


def test_a_companion_without_image_is_in_no_group() -> None:
    assert group_products([product("x.pb.fits", "pb", STEM)]) == ()


def test_failed_files_are_in_no_group() -> None:
    broken = Product(FoundFile("r", "a.fits", 1, 1), role="cube", error_kind="truncated")
    assert group_products([broken]) == ()


def test_images_of_one_name_in_two_folders_are_two_data_sets_with_two_identifiers() -> None:
    files = [product("a.fits", "cube", "s", folder=folder) for folder in ("one", "two")]
    named = name_groups(group_products(files), {})
    assert len({each.dataset_id for each in named}) == 2


def test_the_corrected_image_that_comes_later_keeps_the_identifier() -> None:
    before = name_groups(group_products(pipeline_set()[1:4]), {})
    after = name_groups(
        group_products(pipeline_set()[:4]), {("r", "product/cube.fits"): before[0].dataset_id}
    )
    assert [each.dataset_id for each in after] == [each.dataset_id for each in before]
    assert after[0].primary.file.path == "product/cube.pbcor.fits"


def test_units_are_member_sets_or_folders() -> None:
    assert unit_of(product("a", "cube", "s")) == UID
    assert unit_of(product("a", "cube", "s", uid=None)) == "r:product"


def rows(*windows: str | None, target: str = "NGC 253", uid: str = UID) -> list[WindowRow]:
    return [WindowRow(f"row-{window}", uid, target, window) for window in windows]


def test_a_window_matches_its_cube_and_not_its_image() -> None:
    sets = name_groups(group_products(pipeline_set()), {})
    found = match_rows(sets, rows("25", "27", None))
    cube = next(each.dataset_id for each in sets if each.role == "cube")
    assert found.rows == {"row-25": cube}
    assert found.datasets == {cube: "row-25"}


def test_a_window_without_cube_matches_its_image() -> None:
    sets = name_groups(group_products(pipeline_set()[4:6]), {})
    assert list(match_rows(sets, rows("25")).rows) == ["row-25"]


def test_an_aggregate_matches_no_window() -> None:
    sets = name_groups(group_products([product("c.fits", "image", "c", windows=("25", "27"))]), {})
    assert match_rows(sets, rows("25", "27")).rows == {}


def test_other_sources_and_member_sets_do_not_match() -> None:
    sets = name_groups(group_products(pipeline_set()), {})
    assert match_rows(sets, rows("25", target="NGC1068")).rows == {}
    assert match_rows(sets, rows("25", uid="uid://A001/X1/X3")).rows == {}


def test_two_weightings_take_the_facts_of_one_row_which_is_listed_once() -> None:
    files = [product(f"{name}.fits", "cube", name) for name in ("briggs", "natural")]
    found = match_rows(name_groups(group_products(files), {}), rows("25"))
    assert len(found.rows) == 1
    assert len(found.datasets) == 2
