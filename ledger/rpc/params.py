"""Arguments of RPC methods, in both of CometBFT's spellings.

JSON-RPC: integers as numbers or decimal strings, transactions and hashes in base64, query data in
hex. GET: integers bare or quoted, byte strings as 0x<hex> or "text", strings quoted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

MAX_TEXT_CHARS = 256
_MAX_INTEGER = (1 << 63) - 1


class BadParams(ValueError):
    """An argument that is missing, unknown or of the wrong form; the text names it."""


class Params:
    """The arguments of one call; `is_uri` for the GET spelling."""

    def __init__(self, values: object, is_uri: bool) -> None:
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise BadParams("params: expected an object with named arguments")
        self._values = dict(values)
        self._is_uri = is_uri

    def allow(self, *names: str) -> None:
        """Refuse every argument but these."""
        unknown = sorted(str(key)[:40] for key in self._values if key not in names)
        if unknown:
            raise BadParams(f"no argument {unknown[0]!r}; known: {', '.join(names) or 'none'}")

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A number of 0 to 2**63-1."""
        value = self._plain(name)
        if value is None or value == "":
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INTEGER:
            raise BadParams(f"{name}: expected a whole number")
        return value

    def flag(self, name: str) -> bool:
        """true or false."""
        value = self._plain(name)
        if value is None or value is False or value in ("false", ""):
            return False
        if value is True or value == "true":
            return True
        raise BadParams(f"{name}: expected true or false")

    def text(self, name: str) -> str:
        """A string."""
        value = self._plain(name)
        if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
            raise BadParams(f"{name}: expected a string of at most {MAX_TEXT_CHARS} characters")
        return value

    def data(self, name: str, *, json_form: str) -> bytes:
        """Bytes; `json_form` is how JSON-RPC spells them: hex or base64."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise BadParams(f"{name}: expected bytes as a string")
        if self._is_uri:
            return _uri_bytes(name, value)
        try:
            if json_form == "hex":
                return bytes.fromhex(value.removeprefix("0x"))
            return base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error):
            raise BadParams(f"{name}: expected {json_form}") from None

    def has(self, name: str) -> bool:
        """True if the argument is given."""
        return self._values.get(name) not in (None, "")

    def _plain(self, name: str) -> object:
        value = self._values.get(name)
        is_quoted = isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] == '"'
        if self._is_uri and is_quoted and isinstance(value, str):
            return value[1:-1]
        return value


def _uri_bytes(name: str, value: str) -> bytes:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1].encode()
    try:
        if value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise BadParams(f'{name}: expected 0x<hex> or "text"')
