"""New lines of `switches.jsonl` as they come, without reading the old ones again."""

from __future__ import annotations

import json
from pathlib import Path

from truewatt.demo.physics_log import Switching, switching


class SwitchTail:
    """Remembers how far the file has been read; a torn last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[Switching]:
        """What was written since the last call; nothing while there is no file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return [move for line in whole.splitlines() if (move := _parsed(line)) is not None]


def _parsed(line: bytes) -> Switching | None:
    try:
        return switching(json.loads(line))
    except (LookupError, TypeError, ValueError):
        return None
