"""The gateway's collecting half in this process: real store, admission and visits, no ledger."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nacl.signing import SigningKey

from gateway.admit import Admission, Board, Rules
from gateway.collect.tools import Tools
from gateway.directory import Directory, Entry
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store.database import STORE_FILE
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from truewatt.bench._ingest_load import CHANNELS, START_S
from truewatt.bench.faults.oracle import CHAIN, Device, Verdict, compare
from wireformat import codes

SHIFT_S = 1_500_000
_SEED = b"g" * 32
GATEWAY_KEY = bytes(SigningKey(_SEED).verify_key)


def tools(folder: Path, devices: Iterable[Device], speed: float) -> Tools:
    """What visits work with; the registry holds `devices`."""
    directory = Directory()
    for device in devices:
        board = Board(device.address, device.public_key, codes.METER, CHANNELS, 2)
        directory.put(Entry(board))
    return Tools(
        Clock.starting_at((START_S + SHIFT_S) * 1000, speed),
        StoreThread(Store.open(folder / STORE_FILE)),
        Admission(CHAIN, Rules(), directory.by_kid),
        directory,
        Signer(_SEED, CHAIN),
        Notices(),
        (1, b"\0"),
        # A board that is told the time must answer a nonce; these have no clock.
        time_is_sound=lambda: False,
        poll_s=1,
    )


def look(
    store: Store, devices: Iterable[Device], foreign: int = 0, others: Iterable[bytes] = ()
) -> Verdict:
    """Hold the store against the boards' account; `others` have an account elsewhere."""
    devices, others = list(devices), set(others)
    rows = store.database.all("SELECT device, epoch, seq, code, data FROM records")
    rows = [row for row in rows if row[0] not in others]
    verdict = compare(devices, rows, {device.address: device.acked for device in devices})
    verdict.misattributed += foreign
    return verdict
