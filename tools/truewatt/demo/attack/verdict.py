"""What an attack was expected to end as, what was seen, and whether they are the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

REFUSED, DIFFERS = "refused", "DIFFERS"
TAKEN = "accepted"
"""What is seen of something that was not refused."""

NOTHING = "nothing"
"""What is seen where no name appeared in time."""


@dataclass(frozen=True)
class Try:
    """One attempt within an attack. `where`: which counter, answer or notice shows the name."""

    what: str
    expected: str
    seen: str
    where: str

    @property
    def as_expected(self) -> bool:
        """Whether it ended under the very name that it must end under."""
        return self.expected == self.seen


@dataclass
class Result:
    """An attack that is over. `harm`: what it did that no attack may; `kept`: proof of the rest."""

    name: str
    holds: str
    tries: list[Try] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    consequences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """Why the verdict is not "refused"; empty if it is."""
        wrong = [
            f"{one.what}: expected {one.expected}, seen {one.seen} ({one.where})"
            for one in self.tries
            if not one.as_expected
        ]
        if not self.tries:
            wrong.append("nothing was tried")
        return wrong + self.harm

    @property
    def verdict(self) -> str:
        """REFUSED if every attempt ended under its right name and nothing was harmed."""
        return DIFFERS if self.faults else REFUSED

    def as_json(self) -> dict[str, object]:
        """For report.json."""
        return {
            "attack": self.name,
            "holds": self.holds,
            "expected": _names(one.expected for one in self.tries),
            "seen": _names(one.seen for one in self.tries),
            "tries": [
                {"what": t.what, "expected": t.expected, "seen": t.seen, "where": t.where}
                for t in self.tries
            ],
            "nothing_lost": self.kept,
            "consequences": self.consequences,
            "faults": self.faults,
            "verdict": self.verdict,
            "seconds": round(self.seconds, 1),
        }


def _names(found: Iterable[str]) -> list[str]:
    """Each name once, in the order in which it came up first."""
    return list(dict.fromkeys(found))


def failures(results: Sequence[Result], planned: Sequence[str]) -> list[str]:
    """What a campaign broke of its promise; empty if every planned attack was refused."""
    broken = [f"attack {one.name}: {fault}" for one in results for fault in one.faults]
    missing = [name for name in planned if name not in {one.name for one in results}]
    return broken + [f"attack {name} was not carried out" for name in missing]


def only_name(grown: Sequence[str]) -> str:
    """The names under which something was refused, as one; NOTHING if there are none."""
    return " + ".join(sorted(grown)) or NOTHING
