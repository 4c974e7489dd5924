"""Read JSON objects with typed values; every error names its key and what was expected."""

from collections.abc import Iterator
from typing import Any


class RigConfigError(ValueError):
    """rig.json is unusable: which key, and what was expected."""

    def __init__(self, key: str, expected: str, found: object) -> None:
        super().__init__(f"rig config, {key}: expected {expected}, found {found!r}")
        self.key = key
        self.expected = expected


class Table:
    """A JSON object being read: typed values by key, and an error for keys nobody read."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise RigConfigError(where, "an object", value)
        self._where = where
        self._values: dict[str, Any] = dict(value)

    def text(self, key: str, default: str | None = None, one_of: tuple[str, ...] = ()) -> str:
        """A text."""
        value = self._values.pop(key, default)
        if not isinstance(value, str) or (one_of and value not in one_of):
            raise self.error(key, "one of " + ", ".join(one_of) if one_of else "a text", value)
        return value

    def text_or_none(self, key: str) -> str | None:
        """A text, or None if absent or null."""
        if self._values.get(key) is None:
            self._values.pop(key, None)
            return None
        return self.text(key)

    def number(self, key: str, default: float, low: float = 0.0, high: float = 1e9) -> float:
        """A number within limits."""
        value = self._values.pop(key, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self.error(key, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def whole(self, key: str, default: int | None, low: int = 0, high: int = 2**31) -> int:
        """A whole number within limits; required if `default` is None."""
        value = self._values.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"a whole number from {low} to {high}", value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._values.pop(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "true or false", value)
        return value

    def has(self, key: str) -> bool:
        """Whether a key is there and not read yet."""
        return key in self._values

    def raw(self, key: str, default: Any) -> Any:
        """Any value; the default if absent or null."""
        value = self._values.pop(key, default)
        return default if value is None else value

    def tables(self, key: str, default: list[dict[str, Any]]) -> Iterator["Table"]:
        """A list of objects."""
        value = self.raw(key, default)
        if not isinstance(value, list):
            raise self.error(key, "a list", value)
        return (Table(f"{self._where}{key}[{i}].", item) for i, item in enumerate(value))

    def named(self, key: str, default: dict[str, Any]) -> Iterator[tuple[str, "Table"]]:
        """An object of objects."""
        value = self.raw(key, default)
        if not isinstance(value, dict):
            raise self.error(key, "an object", value)
        return ((name, Table(f"{self._where}{key}.{name}.", v)) for name, v in value.items())

    def error(self, key: str, expected: str, found: object) -> RigConfigError:
        """The error for a key."""
        return RigConfigError(self._where + key, expected, found)

    def end(self) -> None:
        """Refuse keys that nobody read."""
        for key in self._values:
            raise self.error(key, "no such key", self._values[key])
