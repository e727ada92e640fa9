"""Science images with their companions brought together as data sets; derived maps as data sets of their own.

A data set is one science image or cube with its primary beam, mask, psf, model, residual and weights
(design 4.1). One member is primary: the file to use. A derived map (moment, peak, width, index, error) is a
data set of one file that names the data set it was made from as its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

from vo_service.holdings.ids import assign, bare_name, dataset_id
from vo_service.holdings.names import canonical
from vo_service.holdings.records import Product

SCIENCE = frozenset({"image", "cube"})
COMPANIONS = frozenset({"pb", "mask", "psf", "model", "residual", "weight"})
DERIVED = frozenset(
    {"moment0", "moment1", "moment2", "peak", "width", "alpha", "error", "derived"}
)  # the roles of design section 7

Place = tuple[str, str]
"""Root name and path: what tells one file from all others."""

# Words that say how finished an image is, best first.
_FINISH = ("pbcor",)

# Maps that are made along the spectral axis come from a cube, the others from an image.
_ALONG_FREQUENCY = frozenset({"moment0", "moment1", "moment2", "peak", "width", "error"})


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one data set, the primary one first; ``parent`` is the primary of the set it was made from."""

    role: str
    members: tuple[Product, ...]
    parent: Product | None = None

    @property
    def primary(self) -> Product:
        """The file to use."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class DataSet:
    """A group with its identifier; ``parent`` is the identifier of the data set it was made from."""

    dataset_id: str
    role: str
    members: tuple[Product, ...]
    parent: str | None

    @property
    def primary(self) -> Product:
        """The file to use."""
        return self.members[0]


def place_of(product: Product) -> Place:
    """Root and path of the product's file."""
    return product.file.root, product.file.path


def unit_of(product: Product) -> str:
    """What is grouped together: the member uid where there is one, else the folder within its root."""
    uid = product.identity.member_ous_uid
    return uid if uid is not None else f"{product.file.root}:{_folder(product)}"


def group_products(products: Iterable[Product]) -> tuple[Group, ...]:
    """The data sets that the files of one unit make, in a fixed order; failed files and orphans are in
    none.
    """
    usable = sorted((each for each in products if each.state == "ok"), key=place_of)
    science = _science_groups([each for each in usable if each.role in SCIENCE])
    images = [members[0] for members in science]
    companions: dict[Place, list[Product]] = {place_of(image): [] for image in images}
    for each in usable:
        if each.role in COMPANIONS:
            image = _source_of(each, images, frozenset())
            if image is not None:
                companions[place_of(image)].append(each)
    sets = [Group(members[0].role, (*members, *companions[place_of(members[0])])) for members in science]
    derived = [
        Group(
            each.role,
            (each,),
            _source_of(each, images, frozenset({"cube" if each.role in _ALONG_FREQUENCY else "image"})),
        )
        for each in usable
        if each.role in DERIVED
    ]
    return (*sets, *derived)


def name_groups(
    groups: Iterable[Group], kept: Mapping[Place, str], taken: Iterable[str] = ()
) -> tuple[DataSet, ...]:
    """Groups with their identifiers. ``kept`` has the data set that a file was primary of when last
    published, ``taken`` the identifiers of data sets outside these groups."""
    groups = list(groups)
    former: dict[int, str] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            known = kept.get(place_of(member))
            if known is not None and member.role == group.role and known not in former.values():
                former[number] = known
                break
    wanted = [
        (number, dataset_id(group.primary, group.role, _stem(group)), "/".join(place_of(group.primary)))
        for number, group in enumerate(groups)
    ]
    names = assign(wanted, former, taken)
    by_primary = {place_of(group.primary): names[number] for number, group in enumerate(groups)}
    return tuple(
        DataSet(
            names[number],
            group.role,
            group.members,
            None if group.parent is None else by_primary[place_of(group.parent)],
        )
        for number, group in enumerate(groups)
    )


def _stem(group: Group) -> str:
    """What tells data sets of one window and kind apart: of a derived map the whole name."""
    name = bare_name(group.primary)
    return (group.primary.identity.stem or name) if group.role in SCIENCE else name


def _science_groups(science: list[Product]) -> list[list[Product]]:
    """Images of one stem, folder and polarisation: the same image in several states of finish, best first."""

    def bucket(product: Product) -> tuple[object, ...]:
        stem = product.identity.stem or product.file.path
        return product.file.root, _folder(product), stem, product.role, product.polarisations

    ordered = sorted(science, key=lambda each: (bucket(each), _finish(each), place_of(each)))
    return [list(members) for _key, members in groupby(ordered, key=bucket)]


def _finish(product: Product) -> tuple[int, int]:
    """Rank of an image among those of its stem: corrected before uncorrected, plain before packed."""
    corrected = any(tag in product.identity.processing for tag in _FINISH)
    packed = product.layout is not None and product.layout.compression is not None
    return int(not corrected), int(packed)


def _source_of(product: Product, images: list[Product], preferred: frozenset[str]) -> Product | None:
    """The science image that a companion or derived map belongs to, or None where none fits.

    The same stem is enough. Otherwise source and windows must agree, or, where a name tells no windows, the
    stem of the image must be the beginning of the other's.
    """
    fitting = [image for image in images if _belongs(product, image)]
    if not fitting:
        return None
    return max(fitting, key=lambda image: (_likeness(product, image, preferred), *_reversed(place_of(image))))


def _belongs(product: Product, image: Product) -> bool:
    ours, theirs = product.identity, image.identity
    if ours.stem and ours.stem == theirs.stem:
        return True
    same_target = canonical(ours.target_name) == canonical(theirs.target_name)
    if ours.windows and theirs.windows:
        return same_target and ours.windows == theirs.windows and ours.intent == theirs.intent
    begins = bool(theirs.stem) and ours.stem.startswith(theirs.stem)
    return begins and _folder(product) == _folder(image) and product.file.root == image.file.root


def _likeness(product: Product, image: Product, preferred: frozenset[str]) -> tuple[int, ...]:
    """How well an image fits, most telling first."""
    ours, theirs = product.identity, image.identity
    return (
        int(product.file.root == image.file.root and _folder(product) == _folder(image)),
        int(ours.stem == theirs.stem),
        int(image.role in preferred),
        int(_plane(product) == _plane(image)),
        int(_axes(product) == _axes(image)),
        int(product.polarisations == image.polarisations),
        _common_length(ours.stem, theirs.stem),
    )


def _common_length(one: str, other: str) -> int:
    """How many letters two texts begin with together."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _reversed(place: Place) -> tuple[tuple[int, ...], ...]:
    """A key under which the first place in alphabetical order is the greatest."""
    return tuple((*(-ord(letter) for letter in text), 1) for text in place)


def _axes(product: Product) -> tuple[int, ...] | None:
    return None if product.layout is None else product.layout.axes


def _plane(product: Product) -> tuple[int, ...] | None:
    return None if product.layout is None else product.layout.axes[:2]


def _folder(product: Product) -> str:
    return PurePosixPath(product.file.path).parent.as_posix()
