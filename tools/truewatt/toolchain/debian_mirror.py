"""Find the Debian mirror that this machine already uses, in apt's own source files.

Both formats of sources.list(5) are read: one-line (``*.list``) and deb822 (``*.sources``).
Third-party sources are skipped; what remains is still only trusted as far as the key of the
Debian archive vouches for it, so a wrong guess fails to verify instead of being used.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from truewatt.toolchain.errors import DebianSourceError

MIRROR_VARIABLE = "TRUEWATT_DEBIAN_MIRROR"
_DEBIAN_SUITES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
    | {"oldoldstable", "oldstable", "stable", "testing", "unstable"}
)
# They publish under Debian's suite names, with packages and keys of their own.
_NOT_DEBIAN_HOST = re.compile(r"//[^/]*(raspberrypi|raspbian)[^/]*", re.IGNORECASE)
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)$")
_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")


@dataclass(frozen=True)
class AptSource:
    """One repository line: where it is, which suites and components of it are used."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]

    @property
    def is_debian_archive(self) -> bool:
        """Whether this looks like the main archive of Debian (not security, not third-party)."""
        return (
            self.uri.startswith(("http://", "https://"))
            and "security" not in self.uri
            and _NOT_DEBIAN_HOST.search(self.uri) is None
            and "main" in self.components
            and any(suite in _DEBIAN_SUITES for suite in self.suites)
        )


def parse_one_line(text: str) -> Iterator[AptSource]:
    """Yield the binary sources of a ``*.list`` file."""
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match:
            suite, *components = match["rest"].split()
            yield AptSource(match["uri"], (suite,), tuple(components))


def parse_deb822(text: str) -> Iterator[AptSource]:
    """Yield the enabled binary sources of a ``*.sources`` file."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = _deb822_fields(stanza)
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "0"}
        if enabled and "deb" in fields.get("types", "").split():
            suites = tuple(fields.get("suites", "").split())
            components = tuple(fields.get("components", "").split())
            for uri in fields.get("uris", "").split():
                yield AptSource(uri, suites, components)


def _deb822_fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1] in {" ", "\t"}:
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        elif ":" in line:
            key, value = line.split(":", 1)
            name = key.strip().lower()
            fields[name] = value.strip()
    return fields


def apt_sources(etc_apt: Path) -> Iterator[AptSource]:
    """Yield every source that apt would use, in apt's order."""
    parts = sorted((etc_apt / "sources.list.d").glob("*"))
    for path in [etc_apt / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            yield from parse_deb822(text)
        elif path.suffix == ".list":
            yield from parse_one_line(text)


def debian_mirrors(etc_apt: Path = Path("/etc/apt")) -> list[str]:
    """Return candidate mirrors, best first: the environment's, else those of apt's sources.

    Raises DebianSourceError when there is none.
    """
    chosen = os.environ.get(MIRROR_VARIABLE)
    if chosen:
        return [chosen.rstrip("/")]
    found = [s.uri.rstrip("/") for s in apt_sources(etc_apt) if s.is_debian_archive]
    if not found:
        raise DebianSourceError(
            "apt's sources name no Debian mirror",
            str(etc_apt),
            f"Set {MIRROR_VARIABLE} to the address of one (it ends in /debian), "
            "or install MicroPython >= 1.25 yourself.",
        )
    return list(dict.fromkeys(found))


def archive_keyring(folder: Path = Path("/usr/share/keyrings")) -> Path:
    """Return the key ring of the Debian archive; DebianSourceError when it is not installed."""
    for name in _KEYRINGS:
        if (folder / name).is_file():
            return folder / name
    raise DebianSourceError(
        "the keys of the Debian archive are not installed",
        str(folder / _KEYRINGS[0]),
        "Run: apt install debian-archive-keyring",
    )
