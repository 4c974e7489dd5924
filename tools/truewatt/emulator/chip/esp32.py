"""`esp32` of the emulated chip: NVS in a file that each value set replaces whole.

A power cut leaves the old file or the new one. A chip's NVS is a log: a value is on flash as soon
as it is set, by itself; its `nvs_commit` has nothing left to do (ESP-IDF 5, nvs_handle_simple.cpp).
So a power cut comes between two values of one commit, here as there. Capacity is
that of the usual 16 KiB partition: 4 pages of 126 entries of 32 bytes, one page kept free (ESP-IDF,
"Non-volatile storage library", structure of a page).
"""

import json as _json
from binascii import hexlify as _hexlify
from binascii import unhexlify as _unhexlify

import chip_charges as _charges
import chip_host as _host

_NOT_FOUND = (-0x1102, "ESP_ERR_NVS_NOT_FOUND")
_NO_SPACE = (-0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
_KEY_TOO_LONG = (-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
_INVALID_LENGTH = (-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")

_ENTRIES = 3 * 126
_ENTRY_BYTES = 32
_KEY_CHARS = 15

# The file's path and an unmounted filesystem that reaches it, set at boot; what it says, read at
# first use.
_path = None
_outside = None
_spaces = None


def _fail(code):
    raise OSError(*code)


def _load():
    global _spaces
    if _spaces is None:
        try:
            with _outside.open(_path, "r") as file:
                _spaces = _json.load(file)
        except OSError:
            _spaces = {}
    return _spaces


def _store(changes):
    with _outside.open(_path + ".new", "w") as file:
        # `dump` writes each character by a system call of its own.
        file.write(_json.dumps(_spaces))
    _charges.program(_ENTRY_BYTES * changes)
    _host.rename(_path + ".new", _path)


def _entries_of(value):
    """How many entries a value takes: a blob has its own index entry and a data head."""
    if isinstance(value, int):
        return 1
    return 2 + (len(value) // 2 + _ENTRY_BYTES - 1) // _ENTRY_BYTES


def _entries_used():
    return sum(1 + sum(_entries_of(v) for v in space.values()) for space in _spaces.values())


class NVS:
    """A namespace of the non-volatile storage."""

    def __init__(self, namespace):
        if len(namespace) > _KEY_CHARS:
            _fail(_KEY_TOO_LONG)
        self._space = _load().setdefault(namespace, {})

    def _get(self, key, kind):
        value = self._space.get(key)
        if not isinstance(value, kind):
            _fail(_NOT_FOUND)
        return value

    def _set(self, key, value):
        if not 0 < len(key) <= _KEY_CHARS:
            _fail(_KEY_TOO_LONG)
        old = self._space.get(key)
        if old == value:
            return  # nor does a chip write it again
        self._space[key] = value
        if _entries_used() > _ENTRIES:
            if old is None:
                del self._space[key]
            else:
                self._space[key] = old
            _fail(_NO_SPACE)
        _store(_entries_of(value))

    def set_i32(self, key, value):
        """Set a 32-bit signed integer."""
        if not -0x80000000 <= value <= 0x7FFFFFFF:
            raise OverflowError("value does not fit 32 bits")
        self._set(key, value)

    def get_i32(self, key):
        """The integer at `key`."""
        return self._get(key, int)

    def set_blob(self, key, value):
        """Set bytes."""
        self._set(key, _hexlify(value).decode())

    def get_blob(self, key, buffer):
        """Copy the bytes at `key` into `buffer`; their count."""
        data = _unhexlify(self._get(key, str))
        if len(data) > len(buffer):
            _fail(_INVALID_LENGTH)
        buffer[: len(data)] = data
        return len(data)

    def erase_key(self, key):
        """Remove `key`."""
        if self._space.pop(key, None) is None:
            _fail(_NOT_FOUND)
        _store(1)

    def commit(self):
        """What was set outlives the power already."""
