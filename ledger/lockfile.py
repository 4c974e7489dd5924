"""A folder for one process: an advisory lock that the kernel releases however that process ends.

with LockFile(path, HomeInUse("...")): ...
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class LockFile:
    """Holds `path` for the life of a `with` block; raises `taken` if another process does."""

    def __init__(self, path: Path, taken: Exception) -> None:
        self._path, self._taken = path, taken
        self._descriptor = -1

    def __enter__(self) -> LockFile:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise self._taken from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
