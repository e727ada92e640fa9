"""What goes wrong when a region is written or built."""


class RegionError(ValueError):
    """A text or a list of numbers that is no region.

    ``text`` is what was read, ``at`` the place in it (character, from 0; -1 where the numbers and not
    the text are at fault), ``expected`` what would be right.
    """

    def __init__(self, text: str, at: int, expected: str) -> None:
        self.text = text
        self.at = at
        self.expected = expected
        shown = text if len(text) <= 120 else text[:117] + "..."
        place = f" at character {at + 1}" if at >= 0 else ""
        super().__init__(f"not a region: {shown!r}{place}: expected {expected}")
