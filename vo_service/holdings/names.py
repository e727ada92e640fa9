"""Target names brought to one key, so that one source spelt in several ways is one source.

Case, blanks, ``_``, ``+`` and ``-`` are left out. Pipelines write ``+`` as ``p`` in file names, so a name
with a plus sign has a second key.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

_IGNORED = r"[\s_+\-]+"
_SIGN = re.compile(r"(?<=\d)[+-](?=\d)")


def canonical(name: str | None) -> str | None:
    """The key of a target name; None for no name or one that holds nothing but ignored characters."""
    if name is None:
        return None
    return re.sub(_IGNORED, "", name.lower()) or None


def spellings(name: str | None) -> frozenset[str]:
    """All keys under which a source of this name may be met in an archive row or a file name."""
    if name is None:
        return frozenset()
    keys = {canonical(name), canonical(name.replace("+", "p"))}
    return frozenset(key for key in keys if key is not None)


def same_target(one: str | None, other: str | None) -> bool:
    """Whether two names are spellings of one, where a mistake would cost more than a miss: those that differ
    in the sign between two numbers, as ``J1234+56`` and ``J1234-56``, are two sources, whatever their keys.
    """
    if one is None or other is None or not spellings(one) & spellings(other):
        return False
    signs = _SIGN.findall(one), _SIGN.findall(other)
    return not all(signs) or signs[0] == signs[1]


def canonicals(names: pa.Array) -> pa.Array:
    """:func:`canonical` of every name of an Arrow string array."""
    keys = pc.replace_substring_regex(pc.utf8_lower(names), _IGNORED, "")
    return pc.if_else(pc.equal(keys, ""), pa.scalar(None, keys.type), keys)
