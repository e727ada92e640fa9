"""Parts of pages of the documentation that modules write, so that they say what the code does."""

from __future__ import annotations

import re


def with_part(page: str, module: str, text: str) -> str:
    """The page with ``text`` in the place of what the module wrote, between the comment that names the module
    and the next one that is an end. Raises ValueError for a page without such a place."""
    part = re.compile(rf"(<!-- written by [^>]*{re.escape(module)} -->\n).*?(<!-- end[^>]* -->)", re.DOTALL)
    changed, count = part.subn(lambda found: found[1] + text + found[2], page)
    if count != 1:
        raise ValueError(f"there are {count} places for what {module} writes")
    return changed
