"""What every visit to a board works with, passed in once."""

from dataclasses import dataclass

from gateway.admit import Admission
from gateway.directory import Directory
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store_thread import StoreThread
from ledger.clock import Clock


@dataclass(frozen=True)
class Tools:
    """`ack_certificate` is (serial, signed bytes); intervals are seconds of `clock`."""

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
