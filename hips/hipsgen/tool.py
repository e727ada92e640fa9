"""Where hipsgen is on this machine, and within which bounds it may run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hips.hipsgen.errors import HipsgenMissing

DEBIAN_JAR = Path("/usr/share/java/aladin.jar")
JAR_NAMES = ("aladin.jar", "Aladin.jar")
MEMORY_BYTES = 1 << 30
THREADS = 2
_LEAST_MEMORY = 64 << 20
_PATIENCE_SECONDS = 60.0
_JVM = ("-XX:-UsePerfData", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
_LOCALE = ("-Duser.language=en", "-Duser.country=US", "-Duser.timezone=UTC", "-Dfile.encoding=UTF-8")
_VERSION = re.compile(r"hipsgen based on Aladin v(\d\S*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tool:
    """A hipsgen that runs: the Java and the jar, and what it may take of the machine."""

    java: str
    jar: Path
    version: str
    memory_bytes: int = MEMORY_BYTES
    threads: int = THREADS

    def command(self, private: Path) -> list[str]:
        """The words before its own: a JVM without a screen, which keeps whatever it may keep (home, settings,
        temporary files) in the directory ``private`` and ends itself when its memory is used up."""
        bounds = (
            f"-Xmx{max(self.memory_bytes, _LEAST_MEMORY) >> 20}m",
            f"-XX:ActiveProcessorCount={self.threads}",
            "-XX:+ExitOnOutOfMemoryError",
        )
        places = (f"-Duser.home={private}", f"-Djava.io.tmpdir={private}")
        return [self.java, *_JVM, *_LOCALE, *bounds, *places, "-jar", str(self.jar), "-hipsgen"]


def find_tool(jar: Path | None = None, memory_bytes: int = MEMORY_BYTES, threads: int = THREADS) -> Tool:
    """The hipsgen of this machine: ``jar`` if one is named, else Debian's, else one in a directory of PATH.

    It is run once, as that alone shows that it can be. Raises HipsgenMissing.
    """
    java = _find_java()
    found = _find_jar(jar)
    return Tool(java, found, _version(java, found), memory_bytes, threads)


def environment() -> dict[str, str]:
    """What it may know of ours: names of files are UTF-8, and no display is opened."""
    return {
        **{name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ},
        "LC_ALL": "C.UTF-8",
    }


def _find_java() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise HipsgenMissing(
            "hipsgen needs Java, and there is no java on the PATH nor in JAVA_HOME;"
            " Debian's package default-jre-headless has it"
        )
    return found


def _find_jar(named: Path | None) -> Path:
    for candidate in [named] if named is not None else _usual_jars():
        if candidate.is_file():
            return candidate.absolute()
    if named is not None:
        raise HipsgenMissing(f"hipsgen_jar = {named}: there is no such file")
    raise HipsgenMissing(
        f"no hipsgen: neither {DEBIAN_JAR} (Debian's package aladin) nor {' or '.join(JAR_NAMES)} in a"
        " directory of the PATH; the setting hipsgen_jar says where it is"
    )


def _usual_jars() -> Iterator[Path]:
    yield DEBIAN_JAR
    for directory in os.get_exec_path():
        for name in JAR_NAMES:
            yield Path(directory, name)


def _version(java: str, jar: Path) -> str:
    command = [java, *_JVM, *_LOCALE, "-jar", str(jar), "-hipsgen", "-h"]
    try:
        done = subprocess.run(  # noqa: S603  (our own command)
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HipsgenMissing(f"{jar} did not say within {_PATIENCE_SECONDS:.0f} s what it is") from None
    except OSError as error:
        raise HipsgenMissing(f"{java} cannot be run: {error.strerror}") from error
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    version = _VERSION.search(said)
    if version is None:
        last = said.strip().splitlines()[-1:] or [f"exit status {done.returncode}, and no word"]
        raise HipsgenMissing(f"{jar} is no hipsgen that {java} can run: {last[0]}")
    return version[1]
