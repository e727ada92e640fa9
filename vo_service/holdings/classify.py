"""The role of a file (design section 7) from its header, the kind of its content and its name together.

The words of the name propose, the header disposes: a word counts only with a unit and axes that fit it, and
where header and name contradict each other the role is ``unknown`` with the reason. Nothing is guessed from
silence: an image without a telling word is a science image only if its unit is a brightness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vo_service.holdings.file_names import read_name
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product
from vo_service.holdings.spectral_axis import gives_frequency
from vo_service.holdings.units import read_unit
from vo_service.holdings.words import is_doubtful, match_words

COMPANIONS = frozenset({"pb", "mask", "psf", "model", "residual", "weight"})
DERIVED = frozenset({"moment0", "moment1", "moment2", "peak", "width", "alpha", "error", "derived"})

_IMAGE_WORDS = frozenset(
    {"image", "img", "pbcor", "cube", "cont", "continuum", "mfs", "restored", "dirty", "tt0"}
)
_BTYPES = {
    "beam": "psf", "mask": "mask", "coverage": "weight", "weight": "weight", "noise": "error",
    "moment0": "moment0", "moment1": "moment1", "moment2": "moment2", "tpeak": "peak", "peak": "peak",
    "veldisp ew": "width", "velocity": "moment1", "velocity dispersion": "width", "spectral index": "alpha",
    "optical depth": "derived", "column density": "derived", "rotation measure": "derived",
    "kinetic temperature": "derived", "rotational temperature": "derived", "depolarization ratio": "derived",
    "magnetic field": "derived",
}  # fmt: skip
_TYPE_CARDS = {
    "mask": "mask",
    "pb": "pb",
    "psf": "psf",
    "residual": "residual",
    "model": "model",
    "alpha": "alpha",
}


@dataclass(frozen=True, slots=True)
class _Content:
    """The kind of an image: its unit's kind (``none`` where blank), planes along spectrum and Stokes,
    beam.
    """

    kind: str
    per: str | None
    unit: str
    channels: int
    has_beam: bool
    on_sky: bool


def classify(product: Product, header: ImageHeader) -> Product:
    """The product with its role and the evidence for it."""
    content = _content_of(product, header)
    from_header, header_evidence = _role_of_header(header)
    from_name, name_evidence, doubtful = _role_of_name(product, header, content)
    told_by = "header"
    if not content.on_sky:
        role, evidence = _off_sky(from_name, name_evidence)
    elif from_header is not None:
        role, evidence = _both(from_header, header_evidence, from_name, name_evidence)
    elif from_name is not None:
        role, evidence, told_by = from_name, f"{name_evidence}; {_describe(content)}", "name"
    elif doubtful:
        role, evidence, told_by = "unknown", f"{name_evidence}; {_describe(content)}", "doubt"
    else:
        role, evidence = _role_of_content(content, lost_spectrum=_lost_spectrum(product, header))
        told_by = "content"
        if name_evidence:
            evidence = f"{evidence}; {name_evidence}"
    return replace(product, role=role, evidence=evidence, told_by=told_by)


def _content_of(product: Product, header: ImageHeader) -> _Content:
    unit = read_unit(product.unit) if product.unit else None
    written = header.keywords.text("BUNIT")
    kind = unit.kind if unit else "other" if written else "none"
    spectral = header.axes.spectral
    others = [axis.length for axis in header.axes.axes if axis.kind == "other"]
    return _Content(
        kind=kind,
        per=unit.per if unit else None,
        unit=product.unit or written or "no unit",
        channels=max([spectral.length if spectral else 1, *others]),
        has_beam=product.beam is not None,
        on_sky=header.axes.celestial is not None,
    )


def _describe(content: _Content) -> str:
    planes = f"{content.channels} channel{'s' if content.channels != 1 else ''}"
    return f"unit {content.unit}, {planes}, {'a beam' if content.has_beam else 'no beam'}"


def _role_of_header(header: ImageHeader) -> tuple[str | None, str]:
    """A role that a card states outright."""
    btype = (header.keywords.text("BTYPE") or "").lower()
    if "error" in btype or "uncertainty" in btype:
        return "error", f"BTYPE is {header.keywords.text('BTYPE')}"
    if btype in _BTYPES:
        return _BTYPES[btype], f"BTYPE is {header.keywords.text('BTYPE')}"
    for axis in header.axes.axes:
        if axis.ctype == "FITPAR":
            return "derived", f"CTYPE{axis.number} is FITPAR: parameters of a fit"
    kind = (header.keywords.text("TYPE") or "").lower()
    if kind in _TYPE_CARDS:
        return _TYPE_CARDS[kind], f"TYPE is {kind}"
    return None, ""


def _role_of_name(product: Product, header: ImageHeader, content: _Content) -> tuple[str | None, str, bool]:
    """The role that the last believable word tells (an error anywhere wins over the map it is the error
    of), with the evidence. (None, why) where words were not believed, and whether that is because they may
    be the source's.
    """
    name = read_name(product.file.path)
    believed: list[tuple[str, str]] = []
    doubted: list[str] = []
    doubtful: list[str] = []
    for index, word in match_words(name.words):
        text = name.words[index]
        misplaced = text.lower() == "v0" and content.kind == "brightness" and _lost_spectrum(product, header)
        if not (content.kind in word.kinds or misplaced) or (word.plane and content.channels > 1):
            doubted.append(f"the word {text!r} in the name does not fit {_describe(content)}")
        elif is_doubtful(name, index, word) and _may_be_science(content):
            doubtful.append(f"the word {text!r} may be part of the source's name")
        else:
            believed.append((word.role, text))
    telling = [pair for pair in believed if pair[0] != "derived"] or believed
    if telling:
        role, text = next((pair for pair in telling if pair[0] == "error"), telling[-1])
        return role, f"the word {text!r} in the name", False
    if doubtful:
        return None, "; ".join(doubtful), True
    if doubted:
        return None, "; ".join(doubted), False
    images = [word for word in name.words if word.lower() in _IMAGE_WORDS]
    if images and _may_be_science(content):
        return _image_or_cube(content), f"the word {images[-1]!r} in the name", False
    return None, "", False


def _may_be_science(content: _Content) -> bool:
    return content.kind in ("brightness", "none") and content.per != "pixel"


def _lost_spectrum(product: Product, header: ImageHeader) -> bool:
    """Whether a degenerate spectral axis holds no frequency, as where a map of velocities was written as a
    cube.
    """
    axis = header.axes.spectral
    return axis is not None and axis.length == 1 and not gives_frequency(header, product.rest_frequency)


def _both(role: str, evidence: str, named: str | None, name_evidence: str) -> tuple[str, str]:
    """Header and name together: agreement, an error of what the header names, or a contradiction."""
    if named is None or named == role or named in ("image", "cube"):
        return role, evidence if named != role else f"{evidence}; {name_evidence}"
    if named == "error" and role in DERIVED:
        return "error", f"{name_evidence}; {evidence}"
    if role == "error" and named in DERIVED:
        return role, evidence
    return "unknown", f"contradiction: {evidence}, but {name_evidence} says {named}"


def _role_of_content(content: _Content, *, lost_spectrum: bool) -> tuple[str, str]:
    """The role where neither a card nor a word tells it."""
    described = _describe(content)
    if content.kind == "brightness" and content.per == "pixel":
        return "model", f"a brightness per pixel, as of a model: {described}"
    if content.kind == "brightness" and lost_spectrum:
        return "unknown", f"a degenerate axis that holds no frequency, as of a map of velocities: {described}"
    if content.kind == "brightness" and (content.per == "beam" or content.unit in ("K", "mK")):
        return _image_or_cube(content), f"a brightness, and no word in the name says otherwise: {described}"
    if content.kind == "brightness":
        return "unknown", f"a flux that is not per beam, as of peaks or fluxes that were fitted: {described}"
    if content.kind == "velocity":
        return "unknown", f"a map of velocities or of line widths, or the error of one: {described}"
    if content.kind == "integrated":
        return "unknown", f"integrated over a line, or the error of that: {described}"
    return "unknown", f"neither header nor name tells what it is: {described}"


def _off_sky(named: str | None, name_evidence: str) -> tuple[str, str]:
    if named == "derived":
        return "derived", f"{name_evidence}; no celestial axes"
    return "unknown", "no celestial axes"


def _image_or_cube(content: _Content) -> str:
    """A cube has several planes along its spectral axis; planes of polarisation alone make an image."""
    return "cube" if content.channels > 1 else "image"
