"""Names of serial ports that stay what they are when adapters come and go."""

import re
from pathlib import Path

SERIAL = Path("/dev/serial")
_COUNTED = re.compile(r"/dev/tty(USB|ACM)\d+")
_BY = ("by-id", "by-path")
"""The adapter's own number first; where it sits, for those that have none."""


def stable_path(port: str, links: Path = SERIAL) -> str | None:
    """A path of the same port that udev keeps stable; None if `port` is one, or none is known.

    The kernel counts adapters as they come: after a restart or a loose cable ttyUSB0 may be another
    bus.
    """
    if not _COUNTED.fullmatch(port):
        return None
    for kind in _BY:
        folder = links / kind
        for link in sorted(folder.iterdir()) if folder.is_dir() else ():
            if link.resolve() == Path(port):
                return str(link)
    return None
