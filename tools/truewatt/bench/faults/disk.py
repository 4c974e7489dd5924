"""A disk that loses its power: what SQLite writes, and what of it a cut may leave behind.

`Recorder` stands between the real SQLite of this process and its files (a VFS that passes
everything on and notes each write, sync, truncation and deletion). `Disk` replays such a log and
tells what a medium may hold if the power goes there: what was synced is whole; of what was not, any
part may be there and any part not, in any order, torn at sectors (sqlite.org/atomiccommit.html,
section 9).
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECTOR = 512
_OK = 0
FULL = 13
"""SQLITE_FULL (sqlite.org/rescode.html)."""

_CREATE, _WAL_INDEX, _LOGS = 0x4, "-shm", ("-wal", "-journal")
_VFS_NAME = b"truewatt-faults"


@dataclass(frozen=True)
class Op:
    """One change on its way to the medium. `kind`: write, sync, truncate, delete, open."""

    kind: str
    name: str
    offset: int = 0
    data: bytes = b""


@dataclass
class _File:
    """`linked`: its name in the folder is on the medium."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)
    linked: bool = False
    gone: bool = False


class Disk:
    """Feed it `Op`s; ask it at any moment for an image."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self._files = {
            name: _File(bytearray(data), [], True) for name, data in (files or {}).items()
        }

    def apply(self, op: Op) -> None:
        """The next change, as the program asked for it."""
        if op.kind == "open":
            file = self._files.setdefault(op.name, _File())
            if file.gone:
                self._files[op.name] = _File()
        elif op.kind == "delete":
            file = self._files.get(op.name, _File())
            if op.offset:  # The folder was synced too: it is gone for good.
                self._files.pop(op.name, None)
            else:
                file.gone = True
        elif op.kind == "sync":
            self._sync(op.name)
        else:
            self._files[op.name].pending.append(op)

    def _sync(self, name: str) -> None:
        file = self._files[name]
        for op in file.pending:
            _do(file.durable, op)
        file.pending.clear()
        if not file.linked and name.endswith(_LOGS):
            self._sync_folder()

    def _sync_folder(self) -> None:
        """SQLite does it with the first sync of a log that it made, and with no other file.

        It also does it with the first sync of one that it found; nothing must rest on that.
        """
        for name, file in list(self._files.items()):
            file.linked = True
            if file.gone:
                del self._files[name]

    def image(self, rng: random.Random) -> dict[str, bytes]:
        """What may be found after a cut now."""
        found = {}
        for name, file in self._files.items():
            if (not file.linked or file.gone) and rng.random() < 0.5:
                continue
            found[name] = _left(file, rng)
        return found


def _left(file: _File, rng: random.Random) -> bytes:
    """Durable bytes, and of each pending change all, nothing, or some of its sectors."""
    if not file.pending:
        return bytes(file.durable)
    data, keep = bytearray(file.durable), rng.choice((0.0, 0.5, 0.5, 0.9, 1.0))
    for op in file.pending:
        draw = rng.random()
        if draw >= keep:
            continue
        if op.kind == "truncate" or draw < keep / 2 or len(op.data) <= SECTOR:
            _do(data, op)
        else:
            for part in _sectors(op):
                if rng.random() < 0.5:
                    _do(data, part)
    return bytes(data)


def _sectors(op: Op) -> Iterator[Op]:
    start, end = op.offset, op.offset + len(op.data)
    at = start
    while at < end:
        upto = min(end, (at // SECTOR + 1) * SECTOR)
        yield Op("write", op.name, at, op.data[at - start : upto - start])
        at = upto


def _do(data: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        del data[op.offset :]
        data.extend(bytes(max(0, op.offset - len(data))))
        return
    end = op.offset + len(op.data)
    if len(data) < end:
        # The file grew, and what lies between never came: zeros, as file systems give.
        data.extend(bytes(end - len(data)))
    data[op.offset : end] = op.data


# ---- between SQLite and its files --------------------------------------------------------------

_c = ctypes.c_int
_p = ctypes.c_void_p
_i64 = ctypes.c_longlong
_OPEN = ctypes.CFUNCTYPE(_c, _p, _p, _p, _c, _p)
_DELETE = ctypes.CFUNCTYPE(_c, _p, ctypes.c_char_p, _c)
_CLOSE = ctypes.CFUNCTYPE(_c, _p)
_WRITE = ctypes.CFUNCTYPE(_c, _p, _p, _c, _i64)
_TRUNCATE = ctypes.CFUNCTYPE(_c, _p, _i64)
_SYNC = ctypes.CFUNCTYPE(_c, _p, _c)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3 (sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", _c),
        ("file_bytes", _c),
        ("max_path", _c),
        ("next", _p),
        ("name", ctypes.c_char_p),
        ("app", _p),
        ("open", _p),
        ("delete", _p),
        *((f"other{number}", _p) for number in range(14)),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3 (sqlite.org/c3ref/io_methods.html)."""

    _fields_ = (
        ("version", _c),
        ("close", _p),
        ("read", _p),
        ("write", _p),
        ("truncate", _p),
        ("sync", _p),
        *((f"other{number}", _p) for number in range(13)),
    )


Note = Callable[[Op], int]
"""Hears of a change before it happens; what it returns instead of 0 is SQLite's result code."""


class Recorder:
    """A VFS of this process: `with recorder.active():` all databases opened are watched by `note`.

    Only those under `folder`; a note that returns a code keeps the change from happening.
    """

    def __init__(self, folder: Path, note: Note) -> None:
        self._folder, self.note = str(folder) + "/", note
        # The very library that the module sqlite3 uses, wherever it has it from.
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = _p
        library.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
        library.sqlite3_vfs_register.argtypes = (_p, _c)
        library.sqlite3_vfs_unregister.argtypes = (_p,)
        self._library = library
        base = library.sqlite3_vfs_find(b"unix")
        assert base, "SQLite's own VFS for Unix"
        self._base = _Vfs.from_address(base)
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.name = _VFS_NAME
        self._base_open, self._base_delete = _OPEN(self._base.open), _DELETE(self._base.delete)
        self._names: dict[int, str] = {}
        self._methods: dict[int, _Methods] = {}
        self._real: dict[int, tuple[Any, ...]] = {}
        # Kept: SQLite holds pointers to them only.
        self._calls = (
            _OPEN(self._open), _DELETE(self._delete), _CLOSE(self._close), _WRITE(self._write),
            _TRUNCATE(self._truncate), _SYNC(self._sync),
        )  # fmt: skip
        self._vfs.open, self._vfs.delete = _address(self._calls[0]), _address(self._calls[1])

    @contextmanager
    def active(self) -> Iterator[None]:
        """Databases that are opened meanwhile are watched as long as they stay open."""
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)
        try:
            yield
        finally:
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def _open(self, _: int, path: int, file: int, flags: int, out: int) -> int:
        name = self._name(ctypes.string_at(path)) if path else ""
        if name and flags & _CREATE and not Path(self._folder + name).exists():
            code = self.note(Op("open", name))
            if code:
                return code
        code = int(self._base_open(ctypes.addressof(self._base), path, file, flags, out))
        if code == _OK and name:
            self._watch(file, name)
        return code

    def _watch(self, file: int, name: str) -> None:
        pointer = ctypes.cast(file, ctypes.POINTER(_p))
        base = pointer[0]
        assert base is not None
        if base not in self._methods:
            real = _Methods.from_address(base)
            ours = _Methods.from_buffer_copy(real)
            ours.close, ours.write, ours.truncate, ours.sync = map(_address, self._calls[2:])
            self._methods[base] = ours
            self._real[ctypes.addressof(ours)] = (
                _CLOSE(real.close), _WRITE(real.write), _TRUNCATE(real.truncate), _SYNC(real.sync),
            )  # fmt: skip
        pointer[0] = ctypes.addressof(self._methods[base])
        self._names[file] = name

    def _real_of(self, file: int) -> tuple[Any, ...]:
        address = ctypes.cast(file, ctypes.POINTER(_p))[0]
        assert address is not None
        return self._real[address]

    def _name(self, path: bytes) -> str:
        text = path.decode()
        ours = text.startswith(self._folder) and not text.endswith(_WAL_INDEX)
        return text.removeprefix(self._folder) if ours else ""

    def _delete(self, _: int, path: bytes, sync_folder: int) -> int:
        name = self._name(path)
        if name and (code := self.note(Op("delete", name, sync_folder))):
            return code
        return int(self._base_delete(ctypes.addressof(self._base), path, sync_folder))

    def _close(self, file: int) -> int:
        self._names.pop(file, None)
        return int(self._real_of(file)[0](file))

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        code = self.note(Op("write", self._names[file], offset, ctypes.string_at(data, size)))
        write = self._real_of(file)[1]
        if code == FULL and size >= 2 * SECTOR:
            # What found room is there.
            write(file, data, size // 2, offset)
        return code or int(write(file, data, size, offset))

    def _truncate(self, file: int, size: int) -> int:
        code = self.note(Op("truncate", self._names[file], size))
        return code or int(self._real_of(file)[2](file, size))

    def _sync(self, file: int, flags: int) -> int:
        code = self.note(Op("sync", self._names[file]))
        return code or int(self._real_of(file)[3](file, flags))


def _address(call: Any) -> int:
    return ctypes.cast(call, _p).value or 0
