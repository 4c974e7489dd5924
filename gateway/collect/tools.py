"""What every visit to a board works with, passed in once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.admit import Admission
from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.directory import Directory
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store_thread import StoreThread
from gateway.tickets import Tickets
from ledger.clock import Clock


class Firmware(Protocol):
    """Brings boards the releases that wait for them (gateway.updates.queue)."""

    async def step(self, name: str, link: BoardLink, status: BoardStatus) -> bool:
        """Bring one further; True if it is worth visiting again at once."""
        ...


@dataclass(frozen=True)
class Tools:
    """`ack_certificate` is (serial, signed bytes); intervals are seconds of `clock`.

    `admitted` counts records by board since the start; `on_records` is called after each commit;
    `time_is_sound` says whether `clock` may be passed on to boards.
    """

    clock: Clock
    store: StoreThread
    admission: Admission
    directory: Directory
    signer: Signer
    notices: Notices
    ack_certificate: tuple[int, bytes]
    poll_s: int = 10
    beacon_s: int = 3600
    batch_records: int = 64
    updates: Firmware | None = None
    tickets: Tickets = field(default_factory=Tickets)
    admitted: dict[bytes, int] = field(default_factory=dict)
    on_records: Callable[[], None] = lambda: None
    time_is_sound: Callable[[], bool] = lambda: True
