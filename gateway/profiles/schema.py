"""The tables of a profile's TOML file."""

import re
from dataclasses import dataclass

from gateway.profiles.profile import ACTIONS, WIDTH_WORDS
from gateway.profiles.quantities import QUANTITIES
from gateway.schema.kinds import Choice, Field, Flag, Rows, Table, Text, Whole, optional

MAX_READ_WORDS = 125
"""One read's limit: Modbus application protocol V1.1b3, sections 6.3 and 6.4."""

_ADDRESS = Whole(0, 0xFFFF)
_TYPE = Choice(tuple(sorted(WIDTH_WORDS)))
_FUNCTION = Choice((3, 4))
_UNITS = tuple(sorted({unit for kind in QUANTITIES.values() for unit in kind.units}))


@dataclass(frozen=True)
class Wholes:
    """A list of whole numbers of up to 64 bits, not empty."""

    expected: str = "a list of whole numbers"

    def accepts(self, value: object) -> bool:
        """Whether `value` is such a list."""
        one = Whole(0, 2**63 - 1)
        return isinstance(value, list) and bool(value) and all(one.accepts(v) for v in value)


@dataclass(frozen=True)
class Quantity:
    """The name of something that is measured."""

    expected: str = "a quantity such as voltage_l1, power, import_l2"

    def accepts(self, value: object) -> bool:
        """Whether `value` is a known quantity."""
        return isinstance(value, str) and value in QUANTITIES


# Text, because TOML's numbers with a point are binary floats.
_SCALE = Text(r"0*(\d{1,9}|\d{0,9}\.\d{1,9})", 'a positive decimal in quotes, such as "0.01"')

SOURCE = Table(
    {
        "repository": Field(Text(r"[\w.-]+/[\w.-]+", "owner/name of a public repository")),
        "path": Field(Text()),
    }
)

REGISTER = Table(
    {
        "quantity": Field(Quantity()),
        "address": Field(_ADDRESS),
        "type": Field(_TYPE),
        "unit": Field(Choice(_UNITS)),
        "scale": optional(_SCALE, "1"),
        "single_source": optional(Flag(), False),
        "wrap": optional(Whole(1, 10**15, "fixed units"), None),
        "rollback": optional(Whole(0, 10**6, "fixed units"), None),
    }
)

WRITE = Table(
    {
        "action": Field(Choice(ACTIONS)),
        "address": Field(_ADDRESS),
        "type": Field(Choice(("s16", "s32", "u16", "u32"))),
        "unit": Field(Choice(("W", "A"))),
        "scale": optional(_SCALE, "1"),
        "nominal_v": optional(Whole(100, 1000, "V"), None),
        "least": Field(Whole(-(2**31), 2**32 - 1)),
        "most": Field(Whole(-(2**31), 2**32 - 1)),
        "off": optional(Whole(-(2**31), 2**32 - 1), None),
        "default": Field(Whole(-(2**31), 2**32 - 1)),
        "source": Field(Text()),
    }
)

FAILSAFE = Table(
    {
        "timeout_address": Field(_ADDRESS),
        "timeout_ms": Field(Whole(1000, 0xFFFF, "ms")),
        "value_address": Field(_ADDRESS),
        "value": Field(Whole(0, 0xFFFF)),
        "source": Field(Text()),
    }
)

SETUP = Table({"address": Field(_ADDRESS), "value": Field(Whole(0, 0xFFFF)), "why": Field(Text())})

IDENTITY = Table(
    {
        "function": Field(_FUNCTION),
        "address": Field(_ADDRESS),
        "type": Field(Choice(("u16", "u32"))),
        "values": Field(Wholes()),
        "source": Field(Text()),
    }
)

PROFILE = Table(
    {
        "manufacturer": Field(Text()),
        "model": Field(Text()),
        "transport": Field(Choice(("rtu", "tcp"))),
        "phases": Field(Choice((1, 3))),
        "function": Field(_FUNCTION),
        "byte_order": optional(Choice(("big", "little")), "big"),
        "word_order": Field(Choice(("high_first", "low_first"))),
        "max_block_words": Field(Whole(1, MAX_READ_WORDS, "words")),
        "max_hole_words": Field(Whole(0, MAX_READ_WORDS, "words")),
        "pause_ms": Field(Whole(0, 10_000, "ms")),
        "direction": Field(Flag()),
        "refresh_ms": optional(Whole(1, 3_600_000, "ms"), None),
        "unavailable": optional(Choice(("none", "type_maximum")), "none"),
        "single_source": optional(Flag(), False),
        "max_voltage_v": Field(Whole(1, 100_000, "V")),
        "max_current_a": Field(Whole(1, 100_000, "A")),
    },
    rows={
        "serial": Rows(
            Table(
                {
                    "baud": Field(Choice((1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200))),
                    "parity": Field(Choice(("N", "E", "O"))),
                    "stop_bits": Field(Choice((1, 2))),
                }
            ),
            least=0,
        ),
        "identity": Rows(IDENTITY, least=0),
        "source": Rows(SOURCE),
        "gap": Rows(
            Table({"first": Field(_ADDRESS), "last": Field(_ADDRESS), "why": Field(Text())}),
            least=0,
        ),
        "write": Rows(WRITE, least=0, unique=("action", "address")),
        "failsafe": Rows(FAILSAFE, least=0),
        "setup": Rows(SETUP, least=0, unique=("address",)),
        "left_out": Rows(Table({"what": Field(Text()), "why": Field(Text())}), least=0),
        "register": Rows(REGISTER, unique=("quantity",)),
    },
)
"""A whole file."""

NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
"""What a profile's file may be called, without `.toml`."""
