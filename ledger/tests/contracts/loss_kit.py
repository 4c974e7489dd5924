"""A section whose true flows are known, told to the loss contract without signatures or blocks."""

from __future__ import annotations

import gzip
from collections import defaultdict
from csv import DictReader
from pathlib import Path
from random import Random

from ledger.contracts import losses, registry
from ledger.contracts.context import Context, Event, u32
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    ATTESTED,
    SIGNED,
    Device,
    LossAccount,
    Suspects,
    pack,
    unpack,
)
from ledger.contracts.params import Limits
from ledger.state import MemoryState
from ledger.tests.contracts.kit import CHAIN, START_MS, genesis
from wireformat import codes, identity
from wireformat.chained import Chained, Feeder, Reading

SLOT_S = 900
START_SLOT = START_MS // 1000 // SLOT_S + 1
MLMD = b"x" * 20
SWISS = Path(__file__).parents[4] / "shared" / "data" / "swiss48_load_15min.csv.gz"
LOAD_ONLY = ((codes.LOAD, codes.GRID),)


def address_of(home: int) -> bytes:
    return b"m%02d" % home + bytes(17)


class Section:
    """Meters with true loads; `tell` brings one boundary of everyone's registers to the ledger."""

    def __init__(self, homes: int, seed: int = 1, limits: Limits | None = None) -> None:
        self.state = MemoryState()
        params = genesis(limits).params
        self.ctx = Context(self.state, params, CHAIN, 1, START_MS)
        self.random = Random(seed)
        self.homes, self.slot = homes, START_SLOT
        self.energy_wh: dict[bytes, float] = {}
        self.devices: dict[bytes, Device] = {}
        self.join(MLMD, codes.MLMD, ((codes.SECTION, codes.GRID),))
        for home in range(homes):
            self.join(address_of(home), codes.METER, LOAD_ONLY)

    def join(self, address: bytes, role: int, channels: tuple) -> None:
        section = b"" if role == codes.MLMD else MLMD
        device = Device(
            b"", role, [list(row) for row in channels], b"h", "1", 1, 9000, 1, section, b"", 1,
            trust=ATTESTED if role == codes.ATTESTED else SIGNED,
        )  # fmt: skip
        self.devices[address] = device
        self.energy_wh[address] = self.random.random()  # registers start between two Wh
        self.state.put(registry.DEVICE + address, pack(device))
        if section:
            self.state.put(registry.SECTION + section + address, b"\x01")

    def interval(
        self, loads_wh: list[float], around_wh: float = 0.0, lag_s: float = 3.0
    ) -> list[Event]:
        """Let a quarter of an hour pass: metered loads, what flows around meters, true losses."""
        self.slot += 1
        total_wh = sum(loads_wh) + around_wh
        mean_kw = total_wh * 4 / 1000
        lost_wh = 0.6 * mean_kw**2 / 4 * self.random.uniform(0.8, 1.2)
        self.energy_wh[MLMD] += total_wh + lost_wh
        for home, wh in enumerate(loads_wh):
            self.energy_wh[address_of(home)] += wh
        powers = {MLMD: mean_kw * 1000}
        powers |= {address_of(home): wh * 4 for home, wh in enumerate(loads_wh)}
        return self.tell(powers, lag_s)

    def tell(self, powers_w: dict[bytes, float], lag_s: float = 0.0) -> list[Event]:
        first = len(self.ctx.events)
        for address, device in self.devices.items():
            power_w = powers_w.get(address, 0.0)
            # Each register is some seconds old, and shows whole Wh.
            age_wh = power_w * self.random.uniform(0, lag_s) / 3600
            self.say(address, device, int(self.energy_wh[address] - age_wh), int(power_w))
        return self.ctx.events[first:]

    def say(
        self, address: bytes, device: Device, register_wh: int, power_w: int, **fields: object
    ) -> None:
        is_head = device.role == codes.MLMD
        values: dict[str, object] = {
            "epoch": 1, "seq": 1, "time_s": self.slot * SLOT_S, "flags": codes.BOUNDARY,
            "prev": identity.GENESIS_PREV, "interval_s": 60, "voltage_dv": 2300, "max_ma": 1,
            "channels": [[register_wh, 0, power_w, power_w, 0]],
        }  # fmt: skip
        if is_head:
            values |= {"breaker": 1, "trip_cause": 0, "reclose_count": 0, "limit_w": 9000}
        record: Chained = (Feeder if is_head else Reading)(**{**values, **fields})
        losses.on_record(self.ctx, Measured(address, device, record, None, 60))

    @property
    def key(self) -> bytes:
        return u32(1) + MLMD

    @property
    def account(self) -> LossAccount:
        data = self.state.get(losses.ACCOUNT + self.key)
        assert data is not None
        return unpack(LossAccount, data)

    @property
    def sums(self) -> Suspects:
        data = self.state.get(losses.SUSPECTS + self.key)
        assert data is not None
        return unpack(Suspects, data)


def swiss_loads(days: int, homes: range) -> list[list[float]]:
    """Measured loads in Wh per quarter of an hour: [slot][home]."""
    by_site: dict[str, list[float]] = defaultdict(list)
    with gzip.open(SWISS, "rt") as file:
        for row in DictReader(file):
            by_site[row["site"]].append(float(row["load_kwh"]) * 1000)
    sites = [by_site[name] for name in sorted(by_site)][homes.start : homes.stop]
    return [[site[slot] for site in sites] for slot in range(days * 96)]
