"""File names taken apart: pipeline names by their grammar, hand-made ones by the words they are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_ENDINGS = re.compile(r"(\.(fits?|fts))?(\.(gz|fz|z|Z))?$", re.IGNORECASE)
_PIPELINE = re.compile(
    r"^(?:(?P<level>member|group|science_goal)\.)?(?P<uid>uid___A\d+_X[0-9A-Fa-f]+_X[0-9A-Fa-f]+)[._]"
    r"(?:s\d+_\d+\.)?(?P<source>.+?)_(?P<intent>sci|bp|ph|chk|flux|amp|pol|delay|diffgain)"
    r"\.spw(?P<windows>\d+(?:_\d+)*)\.(?P<tail>.+)$"
)
_WINDOWS = re.compile(r"(?:^|[._-])spw[._]?(\d+(?:_\d+)*)(?=[._-]|$)", re.IGNORECASE)
_SEPARATORS = re.compile(r"([._-])")

# Words that tell products of one window apart and stay in the stem where they tell images apart.
_KIND_WORDS = frozenset({"cube", "mfs", "cont", "continuum", "repbw"})
_TAG_WORDS = frozenset(
    {"pbcor", "tt0", "tt1", "tt2", "dirty", "broad", "strict", "selfcal", "regcal", "contsub", "in_k"}
)
_TAG_PATTERN = re.compile(r"^(robust[\d.+-]*|briggs[\d.+-]*|natural|uniform|uvtaper\w*|iter\d+|\d+(\.\d+)?as|"
                          r"\d+p\d+as|\d+kms|(12m|7m|tp)(\+(12m|7m|tp))*)$", re.IGNORECASE)  # fmt: skip
# Words that say only how finished or what kind an image is: not part of the stem that companions share.
_FINISH_WORDS = frozenset(
    {"pbcor", "image", "img", "tt0", "tt1", "tt2", "dirty", "broad", "strict", "restored"}
)


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file name says.

    ``words`` are its parts in order (after the spectral window in pipeline names), as written; ``source``,
    ``intent`` and ``uid`` only from pipeline names; ``windows`` spectral-window labels; ``tags`` processing
    words in lower case.
    """

    base: str
    words: tuple[str, ...]
    head: str
    source: str | None = None
    intent: str | None = None
    level: str | None = None
    uid: str | None = None
    windows: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """Processing words, each once, in the order of the name."""
        found = [word.lower() for word in self.words if _is_tag(word)]
        return tuple(dict.fromkeys(found))

    @property
    def hand_made(self) -> bool:
        """Whether no pipeline made the name: then its words may be those of the source."""
        return not self.head

    def part_of(self, index: int) -> range:
        """Places of the words between the same dots as that at ``index``."""
        separators = _SEPARATORS.split(self.base[len(self.head) :])[1::2]
        dots = [-1, *(at for at, each in enumerate(separators) if each == "."), len(self.words) - 1]
        start = max(at for at in dots if at < index)
        return range(start + 1, min(at for at in dots if at >= index) + 1)

    def stem(self, role_words: frozenset[int]) -> str:
        """The name without the words at ``role_words`` (indices into ``words``) and without words of
        finish.
        """
        parts = _SEPARATORS.split(self.base[len(self.head) :])
        kept = self.head
        for index, word in enumerate(parts[::2]):
            separator = parts[2 * index - 1] if index else ""
            if index in role_words or word.lower() in _FINISH_WORDS or not word:
                continue
            kept += (separator if kept else "") + word
        return kept.rstrip("._-") or self.base


def read_name(path: str) -> FileName:
    """Takes the last part of a POSIX path apart."""
    base = _ENDINGS.sub("", PurePosixPath(path).name)
    match = _PIPELINE.match(base)
    if match:
        source = match.group("source").strip("_") or None
        windows = tuple(match.group("windows").split("_"))
        words = tuple(_SEPARATORS.split(match.group("tail"))[::2])
        head = base[: match.start("tail")]
        return FileName(
            base,
            words,
            head,
            source,
            match.group("intent"),
            match.group("level"),
            match.group("uid"),
            windows,
        )
    found = _WINDOWS.search(base)
    windows = tuple(found.group(1).split("_")) if found else ()
    return FileName(base, tuple(_SEPARATORS.split(base)[::2]), "", windows=windows)


def _is_tag(word: str) -> bool:
    lower = word.lower()
    return lower in _KIND_WORDS or lower in _TAG_WORDS or bool(_TAG_PATTERN.match(word))
