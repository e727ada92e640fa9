"""Words of file names that say what a file is: one table, read by classification and by the grouping stem."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vo_service.holdings.file_names import FileName

ANY = frozenset({"brightness", "integrated", "velocity", "none", "other"})
_BRIGHT = frozenset({"brightness", "none"})
_BLANK = frozenset({"none", "other"})


@dataclass(frozen=True, slots=True)
class RoleWord:
    """A word, the role it tells, and the kinds of unit with which it may be believed (see
    ``units.Unit.kind``; ``none`` is a blank or missing BUNIT). ``plane``: believed only of images with one
    spectral plane. ``common``: a word that names of sources and projects have as well.
    """

    pattern: re.Pattern[str]
    role: str
    kinds: frozenset[str]
    plane: bool = False
    common: bool = False


def _word(pattern: str, role: str, kinds: frozenset[str] = ANY, plane: bool = False) -> RoleWord:
    return RoleWord(re.compile(pattern), role, kinds, plane)


def _common(pattern: str, role: str, kinds: frozenset[str] = ANY, plane: bool = False) -> RoleWord:
    return RoleWord(re.compile(f"(?i){pattern}"), role, kinds, plane, common=True)


_DERIVED_KINDS = frozenset(
    {"brightness", "none", "other"}
)  # maps often keep the unit of the cube they came from

ROLE_WORDS: tuple[RoleWord, ...] = (
    # bettermoments' names, which differ only by case: dV is a width, dv0 and ddV are errors
    _word(r"dV", "width", frozenset({"velocity"}), True),
    _word(r"d(dV|v0|V0|F[0-9n]*|M[0-2])", "error", plane=True),
    # companions
    _common(r"pb|pbcoverage|primarybeam|pbeam", "pb", _BLANK),
    _common(r"flux", "pb", frozenset({"none"})),
    _common(r"[a-z0-9]*mask", "mask", _BRIGHT | _BLANK),
    _common(r"psf|dirtybeam", "psf", _BRIGHT | _BLANK),
    _common(r"model|skymodel|ccmodel", "model"),
    _common(r"residuals?|resid", "residual", _BRIGHT | _BLANK),
    _common(r"weights?|sumwt|wgt|wt|coverage|invvar", "weight"),
    # errors of any kind
    _common(r"noise|rms|err|errors?|unc|uncertainty", "error"),
    _word(r"(?i)e(mom\d\w*|ew|tpeak|fwhm|vcen|gausspk|peak|width)", "error", plane=True),
    # maps along the spectral axis
    _word(r"(?i)mom(ent)?0\w*|tdv", "moment0", _DERIVED_KINDS | {"integrated"}, True),
    _common(r"integrated", "moment0", _DERIVED_KINDS | {"integrated"}, True),
    _word(r"(?i)m0|ico|intensity", "moment0", frozenset({"integrated"}), True),
    _word(r"(?i)mom(ent)?1\w*|vcen|velfield|vfield", "moment1", _DERIVED_KINDS | {"velocity"}, True),
    _common(r"centroid", "moment1", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)m1|v0|vel|velo|velocity", "moment1", frozenset({"velocity"}), True),
    _word(r"(?i)mom(ent)?2\w*", "moment2", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)m2", "moment2", frozenset({"velocity"}), True),
    _word(r"(?i)fwhm|linewidth|veldisp", "width", _DERIVED_KINDS | {"velocity"}, True),
    _common(r"dispersion", "width", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)ew|width|disp|sigv", "width", frozenset({"velocity"}), True),
    _word(r"(?i)tpeak\w*|gausspk|mom(ent)?8\w*", "peak", _DERIVED_KINDS, True),
    _common(r"peak\w*", "peak", _DERIVED_KINDS, True),
    _common(r"alpha|spix|specindex|spectralindex", "alpha", _BLANK),
    # derived without a name of their own
    _word(r"(?i)tt[12]|mom(ent)?\d+\w*|vquad|srcplane|pvd?|chi2|poli|pola|pfrac|pang", "derived"),
    _common(r"beta|snr|ratio", "derived"),
)

_CLOSING = frozenset({"image", "img", "pbcor", "restored"})
"""What ends the name of an image; role words of a product stand behind it."""
_MOMENT_WORDS = re.compile(r"(?i)mom|moment")


def match_words(words: tuple[str, ...]) -> list[tuple[int, RoleWord]]:
    """Role words of a file name with their places, in order; ``mom_0`` is read as ``mom0``."""
    found = []
    for index, word in enumerate(words):
        if _MOMENT_WORDS.fullmatch(word) and index + 1 < len(words) and words[index + 1].isdigit():
            word = word + words[index + 1]
        for entry in ROLE_WORDS:
            if entry.pattern.fullmatch(word):
                found.append((index, entry))
                break
    return found


def role_words(name: FileName) -> frozenset[int]:
    """Places of words that say the role of a file rather than which image it belongs to."""
    places = set()
    for index, word in match_words(name.words):
        if word.common and is_of_source(name, index):
            continue
        places.add(index)
        if _MOMENT_WORDS.fullmatch(name.words[index]):
            places.add(index + 1)
    return frozenset(places)


def is_doubtful(name: FileName, index: int, word: RoleWord) -> bool:
    """Whether a role word may be part of a source's name: a common one before the last word that says the
    file is an image, or one that begins a name and would tell no role of its own. The windows of a
    pipeline's name end its source.
    """
    if not word.common or not name.hand_made:
        return False
    begins = index == 0 and word.role == "derived" and len(name.words) > 1
    return begins or index < _last_place(name, _CLOSING)


def is_of_source(name: FileName, index: int) -> bool:
    """Whether a common role word is joined to others that are no role words, and a later word tells the role:
    then it belongs to what companions have in common.
    """
    if not name.hand_made:
        return False
    places = dict(match_words(name.words))
    telling = [at for at, word in enumerate(name.words) if at in places or word.lower() in _CLOSING]
    later = [at for at in telling if at > index]
    if not later:
        return index == 0 and places[index].role == "derived" and len(name.words) > 1
    if any(at not in telling for at in range(index, later[-1])):
        return True
    part = name.part_of(index)
    return len(part) > 1 and later[-1] not in part and any(at not in telling for at in part)


def _last_place(name: FileName, words: frozenset[str]) -> int:
    return max((at for at, word in enumerate(name.words) if word.lower() in words), default=-1)
