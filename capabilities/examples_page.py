"""The examples of a service as a page for people and programs: XHTML with RDFa (DALI 1.1 section 2.3).

The markup is what DALI asks for and no more, so that an XML parser reads it and a browser shows it, without
scripts. Each service builds its page from `PageExample`: TAP has queries, others have parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from capabilities.examples import examples

_VOCABULARY = "http://www.ivoa.net/rdf/examples#"
_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "pre{background:#f4f4f4;padding:1em;overflow-x:auto}dt{font-weight:bold}"
)


@dataclass(frozen=True, slots=True)
class PageExample:
    """One example: ``id`` is an XML name, its own on the page, ``name`` a short title, ``text`` a sentence.

    ``query`` and ``tables`` are TAP's; ``parameters`` are names and values that other services are asked
    with; ``capability`` is the standardID of what it is for.
    """

    id: str
    name: str
    text: str
    query: str | None = None
    tables: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    capability: str | None = None


def tap_examples() -> tuple[PageExample, ...]:
    """The examples of TAP (TAP 1.1 section 2.6)."""
    return tuple(PageExample(one.id, one.name, one.text, one.query, one.tables) for one in examples())


def examples_page(title: str, listed: Sequence[PageExample]) -> bytes:
    """A page of examples. Raises ValueError where two of them have one id."""
    if len({one.id for one in listed}) < len(listed):
        raise ValueError("each example has an id of its own")
    shown = "\n".join("\n".join(_example(one)) for one in listed)
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en">\n'
        f'<head><meta charset="utf-8"/><title>{escape(title)}</title><style>{_STYLE}</style></head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n"
        f'<div vocab="{_VOCABULARY}">\n{shown}\n</div>\n</body>\n</html>\n'
    ).encode()


def _example(one: PageExample) -> Iterable[str]:
    """The lines of one example. No property stands on a link, for its address would become the value
    (DALI-029)."""
    yield f'<div typeof="example" id={quoteattr(one.id)} resource={quoteattr("#" + one.id)}>'
    yield f"<h2>{_value('name', one.name)}</h2>"
    yield f"<p>{escape(one.text)}</p>"
    if one.query is not None:
        yield f'<pre property="query">{escape(one.query)}</pre>'
    if one.tables:
        yield f"<p>Tables: {', '.join(_value('table', table) for table in one.tables)}</p>"
    if one.parameters:
        yield "<dl>"
        for key, value in one.parameters:
            yield '<div property="generic-parameter" typeof="keyval">'
            yield f'<dt property="key">{escape(key)}</dt><dd property="value">{escape(value)}</dd></div>'
        yield "</dl>"
    if one.capability is not None:
        yield f"<p>For {_value('capability', one.capability)}</p>"
    yield "</div>"


def _value(name: str, text: str) -> str:
    return f'<span property="{name}">{escape(text)}</span>'
