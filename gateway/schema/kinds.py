"""Kinds of configuration values. Each says what it expects and finds the fault of a value."""

import re
from dataclasses import dataclass, field
from typing import Protocol


class Kind(Protocol):
    """One kind of value: `expected` is shown to the operator, `accepts` decides."""

    @property
    def expected(self) -> str: ...

    def accepts(self, value: object) -> bool:
        """Whether `value`, as TOML gave it, is of this kind."""
        ...


@dataclass(frozen=True)
class Text:
    """Text that matches `pattern` as a whole."""

    pattern: str = r".+"
    expected: str = "text that is not empty"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, with its unit for the message."""

    low: int
    high: int
    unit: str = ""

    @property
    def expected(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"a whole number from {self.low} to {self.high}{unit}"

    def accepts(self, value: object) -> bool:
        # bool first: in Python it is an int, in TOML it is not.
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[object, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(str(option) for option in self.options)

    def accepts(self, value: object) -> bool:
        return any(type(value) is type(option) and value == option for option in self.options)


@dataclass(frozen=True)
class Texts:
    """A list of different texts that each match `pattern` as a whole."""

    pattern: str
    expected: str
    most: int

    def accepts(self, value: object) -> bool:
        """Whether `value` is such a list."""
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            return False
        one = Text(self.pattern, self.expected)
        return all(one.accepts(item) for item in value) and len(set(value)) == len(value)


@dataclass(frozen=True)
class Flag:
    """true or false."""

    expected: str = "true or false"

    def accepts(self, value: object) -> bool:
        """Whether `value` is a boolean of TOML."""
        return isinstance(value, bool)


NAME = Text(r"[a-z0-9][a-z0-9_-]{0,31}", "a name: a-z, 0-9, '-' and '_', at most 32 characters")
PATH = Text(r"[^\0]+", "a path; a relative one counts from this file's folder")
CHAIN_ID = Text(r"[^|\0]{1,50}", "the chain's id: 1 to 50 characters without '|'")
BLOCK_HASH = Text(r"[0-9a-fA-F]{64}", "a block's hash as 64 hex digits")
PUBLIC_KEY = Text(r"[0-9a-fA-F]{64}", "a public key as 64 hex digits")
HOST = Text(r"[0-9a-zA-Z._:-]{1,253}", "a host's name or address")
URL = Text(r"https?://[^\s/]+(:\d+)?/?", "an address such as http://127.0.0.1:26657")


@dataclass(frozen=True)
class Field:
    """A key of a table; without a default it must be there."""

    kind: Kind
    default: object = None
    required: bool = True


@dataclass(frozen=True)
class Table:
    """A TOML table: its fields and, below them, tables that occur once or repeat."""

    fields: dict[str, Field]
    rows: dict[str, "Rows"] = field(default_factory=dict)
    tables: dict[str, "Table"] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """`[[name]]`: at least `least` tables of one shape; `unique` fields differ in each."""

    table: Table
    least: int = 1
    unique: tuple[str, ...] = ()


def optional(kind: Kind, default: object) -> Field:
    """A field that may be left out."""
    return Field(kind, default, required=False)
