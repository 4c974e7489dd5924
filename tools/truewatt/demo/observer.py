"""What may attach to a run: the live view, the attack runner; the runner knows none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.clock import Clock
from truewatt.demo.supervisor import Supervisor

if TYPE_CHECKING:
    from truewatt.demo.site import Site


class Observer:
    """Attached to a run from when all its parts are up until the last record has arrived.

    `start` and `stop` run on the run's event loop and must return soon: what goes on in between
    belongs in a task. `supervisor.end_soon()` ends the run early, as its time being up would.
    """

    async def start(self, site: Site, clock: Clock, supervisor: Supervisor) -> None:
        """Every board is heard and people's wishes are on the ledger; the run's time begins."""

    async def stop(self) -> None:
        """The run's time is up and its records have arrived; all parts still run."""

    def is_busy(self) -> bool:
        """Whether the run must go on beyond its time, for what this observer has begun."""
        return False

    def set_aside(self) -> dict[str, str]:
        """Boards that were put out of service on purpose, and why: they are no loss of the run."""
        return {}

    def findings(self) -> dict[str, object]:
        """Keys that go into the run's report, once the run is over."""
        return {}

    def failures(self) -> list[str]:
        """What the run broke of this observer's promises, a line each; the run then ends with 1."""
        return []
