"""Where the project is, and where it keeps what it fetched."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def project_root() -> Path | None:
    """Return the checkout this code runs from, or None when it was installed as a wheel."""
    return _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else None


def cache_dir() -> Path:
    """Return the folder for fetched tools: ``$TRUEWATT_CACHE``, the checkout's, or the user's."""
    chosen = os.environ.get("TRUEWATT_CACHE")
    if chosen:
        return Path(chosen).absolute()
    root = project_root()
    if root is not None:
        return root / ".cache"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "truewatt"


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Hold ``lock_file`` so that one process at a time fetches; the kernel frees it on death."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
