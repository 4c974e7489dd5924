"""Figures beside the bars they must meet, and the table they are printed in."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MILLION = 1_000_000
# What the prototype's counts and its reported times on an ESP32 amount to.
ESP32_HZ = 240 * MILLION
ESP32_CYCLES_PER_INSTRUCTION = (1.2, 1.6)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `limit` None where there is no bar."""

    name: str
    value: int
    unit: str
    limit: int | None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the bar, if any, is met."""
        return self.limit is None or self.value <= self.limit

    def row(self) -> str:
        """The line of the table."""
        limit = "" if self.limit is None else f"{self.limit:,}"
        verdict = "" if self.limit is None else ("pass" if self.passed else "FAIL")
        return (
            f"{self.name:34} {self.value:>12,} {self.unit:12} {limit:>12} {verdict:5} {self.note}"
        )


def progress(text: str) -> None:
    """Say on standard error what is being measured."""
    print(f"truewatt: {text}", file=sys.stderr, flush=True)


def esp32_ms(instructions: int) -> str:
    """What that many ARMv7 instructions should take on the chip."""
    low, high = (instructions * c / ESP32_HZ * 1000 for c in ESP32_CYCLES_PER_INSTRUCTION)
    return f"about {low:.0f}-{high:.0f} ms on an ESP32"


def print_table(
    name: str, doc: str, measure: Callable[[], Iterator[Figure]], argv: list[str]
) -> int:
    """Measure and print; 1 if a bar is missed, 2 for arguments, which these benches have not."""
    if argv:
        print(f"usage: truewatt bench {name}\n\n{doc}")
        return 0 if argv[0] in {"-h", "--help"} else 2
    print(f"{'figure':34} {'value':>12} {'unit':12} {'limit':>12}")
    passed = True
    for figure in measure():
        print(figure.row(), flush=True)
        passed = passed and figure.passed
    low, high = ESP32_CYCLES_PER_INSTRUCTION
    print(f"ESP32 times: estimated, 240 MHz, {low} to {high} cycles per ARMv7 instruction.")
    return 0 if passed else 1
