"""Fetches Aladin Lite at a fixed version from npm, for the tests in a browser; nothing else of npm is used.

``python tests/fetch_aladin_lite.py`` puts ``aladin.js`` where the tests look for it (`where`). It asks npm
for the package alone, checks its sum, and unpacks the one file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "3.8.2"
SHA512 = "/VGtxSWZ4StdKgwjmzqNkUY/3iTaBZJ5F6bN+nAfcK1NEATcAb2CYJX4U8FElpwYMgKrypYQV5KniRzhVbH+nA=="
SHA256 = "bed9c8ef1d1e83501b1cb782366092c72c5ecd1c88f16fef3166188ae8062066"
"""Of the one file, which may have changed since it was fetched."""
MEMBER = "package/dist/aladin.js"
LICENCE = "package/LICENSE"


def where() -> Path:
    """``aladin.js``, which need not be there."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "vo-service" / f"aladin-lite-{VERSION}" / "aladin.js"


def sum_of(script: Path) -> str:
    """Of the bytes of a file, as `SHA256` is. Raises OSError."""
    return hashlib.sha256(script.read_bytes()).hexdigest()


def fetch(npm: str) -> Path:
    """Fetch it if it is not there as it was published. Raises OSError, CalledProcessError, and ValueError for
    a wrong sum."""
    script = where()
    if script.exists() and sum_of(script) == SHA256:
        return script
    script.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=script.parent) as folder:
        subprocess.run([npm, "pack", f"aladin-lite@{VERSION}", "--silent"], cwd=folder, check=True)
        [packed] = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if found != SHA512:
            raise ValueError(f"the sum of aladin-lite {VERSION} is {found}; it must be {SHA512}")
        with tarfile.open(packed) as archive:
            for member, name in ((LICENCE, "LICENSE"), (MEMBER, script.name)):
                source = archive.extractfile(member)
                assert source is not None
                unpacked = Path(folder) / name
                unpacked.write_bytes(source.read())
                if member == MEMBER and sum_of(unpacked) != SHA256:
                    raise ValueError(f"the sum of {MEMBER} is {sum_of(unpacked)}; it must be {SHA256}")
                unpacked.replace(script.parent / name)
    return script


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not there: Aladin Lite cannot be fetched", file=sys.stderr)
        return 1
    print(fetch(npm))
    return 0


if __name__ == "__main__":
    sys.exit(main())
