"""Words of file names that say what a file is: one table, read by classification and by the grouping stem."""

from __future__ import annotations

import re
from dataclasses import dataclass

ANY = frozenset({"brightness", "integrated", "velocity", "none", "other"})
_BRIGHT = frozenset({"brightness", "none"})
_BLANK = frozenset({"none", "other"})


@dataclass(frozen=True, slots=True)
class RoleWord:
    """A word, the role it tells, and the kinds of unit with which it may be believed (see
    ``units.Unit.kind``; ``none`` is a blank or missing BUNIT). ``plane``: believed only of images with one
    spectral plane.
    """

    pattern: re.Pattern[str]
    role: str
    kinds: frozenset[str]
    plane: bool = False


def _word(pattern: str, role: str, kinds: frozenset[str] = ANY, plane: bool = False) -> RoleWord:
    return RoleWord(re.compile(pattern), role, kinds, plane)


_DERIVED_KINDS = frozenset(
    {"brightness", "none", "other"}
)  # maps often keep the unit of the cube they came from

ROLE_WORDS: tuple[RoleWord, ...] = (
    # bettermoments' names, which differ only by case: dV is a width, dv0 and ddV are errors
    _word(r"dV", "width", frozenset({"velocity"}), True),
    _word(r"d(dV|v0|V0|F[0-9n]*|M[0-2])", "error", plane=True),
    # companions
    _word(r"(?i)pb|pbcoverage|primarybeam|pbeam", "pb", _BLANK),
    _word(r"(?i)flux", "pb", frozenset({"none"})),
    _word(r"(?i)[a-z0-9]*mask", "mask", _BRIGHT | _BLANK),
    _word(r"(?i)psf|dirtybeam", "psf", _BRIGHT | _BLANK),
    _word(r"(?i)model|skymodel|ccmodel", "model"),
    _word(r"(?i)residuals?|resid", "residual", _BRIGHT | _BLANK),
    _word(r"(?i)weights?|sumwt|wgt|wt|coverage|invvar", "weight"),
    # errors of any kind
    _word(r"(?i)noise|rms|err|errors?|unc|uncertainty", "error"),
    _word(r"(?i)e(mom\d\w*|ew|tpeak|fwhm|vcen|gausspk|peak|width)", "error", plane=True),
    # maps along the spectral axis
    _word(r"(?i)mom(ent)?0\w*|integrated|tdv", "moment0", _DERIVED_KINDS | {"integrated"}, True),
    _word(r"(?i)m0|ico|intensity", "moment0", frozenset({"integrated"}), True),
    _word(r"(?i)mom(ent)?1\w*|vcen|velfield|vfield|centroid", "moment1", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)m1|v0|vel|velo|velocity", "moment1", frozenset({"velocity"}), True),
    _word(r"(?i)mom(ent)?2\w*", "moment2", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)m2", "moment2", frozenset({"velocity"}), True),
    _word(r"(?i)fwhm|linewidth|veldisp|dispersion", "width", _DERIVED_KINDS | {"velocity"}, True),
    _word(r"(?i)ew|width|disp|sigv", "width", frozenset({"velocity"}), True),
    _word(r"(?i)t?peak\w*|gausspk|mom(ent)?8\w*", "peak", _DERIVED_KINDS, True),
    _word(r"(?i)alpha|spix|specindex|spectralindex", "alpha", _BLANK),
    # derived without a name of their own
    _word(
        r"(?i)tt[12]|beta|mom(ent)?\d+\w*|vquad|srcplane|pvd?|snr|chi2|poli|pola|pfrac|pang|ratio", "derived"
    ),
)

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


def role_words(words: tuple[str, ...]) -> frozenset[int]:
    """Places of words that say the role of a file rather than which image it belongs to."""
    places = set()
    for index, _ in match_words(words):
        places.add(index)
        if _MOMENT_WORDS.fullmatch(words[index]):
            places.add(index + 1)
    return frozenset(places)
