"""XML read by expat as its bytes come; what a table has no need of is refused (VOT-180, VOT-181).

No document type, no entity but the five of XML, nothing is ever fetched. Names and attributes are bounded: no
token grows beyond some hundred kilobytes, whatever the size of the document. Names come as they are written,
with their prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from vo_service.dali.uploads.faults import UploadFault

_CHUNK = 1 << 16
_TOKEN_BYTES = 1 << 19
_TEXT_AT_ONCE = 1 << 16
_NAMES = 10_000  # of elements and attributes; the parser keeps each of them
Start = Callable[[str, dict[str, str]], None]


class XmlStream:
    """One parse of one document; handlers may be set anew at any moment (``stream.on(...)``)."""

    def __init__(self, start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> None:
        parser = expat.ParserCreate(intern={})
        parser.buffer_text = True
        parser.buffer_size = _TEXT_AT_ONCE
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.EntityDeclHandler = _refuse_doctype
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        self._parser = parser

    def on(self, start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> None:
        """From now on these are called."""
        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        self._parser.CharacterDataHandler = text

    @property
    def line(self) -> int:
        """The line of the document that is being read."""
        return self._parser.CurrentLineNumber

    def read(self, file: BinaryIO, check: Callable[[], None]) -> None:
        """Read the whole document; ``check`` is called now and then. Raises UploadFault."""
        fed = 0
        try:
            while chunk := file.read(_CHUNK):
                check()
                self._parser.Parse(chunk, False)
                fed += len(chunk)
                if fed - max(self._parser.CurrentByteIndex, 0) > _TOKEN_BYTES:
                    raise UploadFault(
                        f"line {self.line}: a tag, comment or attribute is longer than {_TOKEN_BYTES} bytes"
                    )
                if len(self._parser.intern) > _NAMES:
                    raise UploadFault(f"there are more than {_NAMES} names of elements and attributes")
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise _told(error) from None
        except (LookupError, UnicodeError, ValueError) as error:  # an encoding that Python does not know
            if isinstance(error, UploadFault):
                raise
            raise UploadFault(f"line {self.line}: the document's encoding cannot be read") from error


def _refuse_doctype(*_: object) -> None:
    raise UploadFault(
        "the document has a DOCTYPE or entities of its own, which are not read",
        hint="Send a VOTable, without a document type declaration.",
    )


def _told(error: expat.ExpatError) -> UploadFault:
    hint = None
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI]:
        hint = "The XML declaration must be the very first thing in the file, without blank lines before it."
    what = expat.errors.messages.get(error.code, "it is not well-formed")
    return UploadFault(f"line {error.lineno}, character {error.offset + 1}: {what}", hint=hint)
