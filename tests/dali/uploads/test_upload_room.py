"""A disk that has no room for uploads, while they arrive and while they are read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from upload_tables import field, tabledata, votable

from vo_service.asking import uploads
from vo_service.asking.uploads import UploadLimits, uploads_of
from vo_service.dali.errors import ServiceError
from vo_service.dali.multipart import MEMORY_BYTES, BodyLimits, Part, PartReader
from vo_service.dali.parameters import Form

FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]


@pytest.mark.parametrize("number", [*FULL, errno.EIO], ids=lambda number: errno.errorcode[number])
def test_while_they_arrive(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    reader = PartReader("multipart/form-data; boundary=b", BodyLimits(1000, 1 << 20), tmp_path)
    reader.feed(b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\n')
    monkeypatch.setattr(os, "open", broken)
    with pytest.raises(ServiceError if number in FULL else OSError) as caught:
        reader.feed(b"x" * (MEMORY_BYTES + 1))
    _check(caught.value, number)


@pytest.mark.parametrize("number", [*FULL, errno.EIO], ids=lambda number: errno.errorcode[number])
def test_while_they_are_read(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(uploads, "read_table", broken)
    content = votable([field("x", "int")], tabledata([["1"]])).encode()
    sources = {"p": Part("p", content, len(content))}
    with pytest.raises(ServiceError if number in FULL else OSError) as caught:
        form = Form.of([("UPLOAD", "t,param:p")])
        uploads_of(form, sources, UploadLimits(1, 10, 10_000, tmp_path), lambda: None, None)
    _check(caught.value, number)


def _check(error: Exception, number: int) -> None:
    if number in FULL:
        assert isinstance(error, ServiceError)
        assert (error.status, error.message) == (503, "There is no room for uploads at the moment.")
    else:
        assert isinstance(error, OSError)
        assert error.errno == number
