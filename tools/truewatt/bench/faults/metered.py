"""A commercial meter on a noisy wire: its values carry no signature, so only CRC and rules stand.

CRC-16 of Modbus finds every error of one, two, three or any odd number of bits; of the others one
in 32,768 fits. Over a campaign that is far less than one value, so on some wires replies are
changed and their CRC made to fit: what becomes of those is counted apart.
"""

from __future__ import annotations

from math import comb
from pathlib import Path

from gateway.admit import Board
from gateway.attest.driver import ProfileDriver
from gateway.attest.keys import device_signer
from gateway.attest.obey import Trust
from gateway.attest.place import MeterPlace
from gateway.collect.bus import Bus
from gateway.collect.tools import Tools
from gateway.config import MeterConfig
from gateway.directory import Entry
from gateway.profiles import Readings, decode, find_profile
from gateway.profiles.codec import encode
from ledger.clock import Clock
from ledger.tx import signature_holds
from truewatt.bench.faults.oracle import CHAIN, Verdict
from truewatt.bench.faults.panel import crc
from truewatt.emulator.commercial import EmulatedMeter, Measured
from wireformat import codes
from wireformat.chained import Reading
from wireformat.registry import open_signed

PROFILE = "sdm120"
_FIRST_WH, _MS_PER_HOUR = 50_000, 3_600_000
_LEAST_UNSEEN_BITS = 4
_MOST_BITS = 24
"""More errors in one frame don't happen at these rates and lengths."""


def undetected(frame_bytes: int, rate: float) -> float:
    """The probability that a frame arrives changed and its CRC-16 fits."""
    bits = 8 * frame_bytes
    return sum(
        comb(bits, errors) * rate**errors * (1 - rate) ** (bits - errors)
        for errors in range(_LEAST_UNSEEN_BITS, _MOST_BITS, 2)
    ) / (1 << 15)


class Meter:
    """One meter, the gateway's place for it, and what it really measured."""

    def __init__(self, its: Tools, folder: Path, number: int, address: int) -> None:
        self._clock: Clock = its.clock
        self._power_w = 800 + 7 * number
        self.address = address
        self._signer = device_signer(folder, f"m{number}", CHAIN)
        self._config = MeterConfig(address, f"m{number}", PROFILE)
        self._emulated = EmulatedMeter(find_profile(PROFILE), address)
        self._started_ms = self._clock.mono_ms()
        self._shown_wh: set[int] = set()
        self._now_s = 0.0
        self.truth: dict[str, int] = {}
        self.wrong_reads = 0
        board = Board(self._signer.address, self._signer.public_key, codes.ATTESTED, 1, 0)
        its.directory.put(Entry(board, None, True))
        self.step()

    @property
    def device(self) -> bytes:
        """The address of the key that the gateway has for it."""
        return self._signer.address

    def place(self, its: Tools, bus: Bus) -> MeterPlace:
        """The gateway's."""
        driver = _Heard(bus, self)
        # The wire needs no real time.
        bus.pauses_s.clear()
        trust = Trust(CHAIN, 1, bytes(32))
        return MeterPlace(its, self._config, driver, self._signer, trust, self._config.name)

    def driver_config(self) -> MeterConfig:
        """As the gateway is told of it."""
        return self._config

    def step(self) -> None:
        """Measure anew: between two visits, so that one visit has one truth."""
        passed_ms = self._clock.mono_ms() - self._started_ms
        import_wh = _FIRST_WH + self._power_w * passed_ms // _MS_PER_HOUR
        profile = self._emulated.profile
        values = Measured([230.0], [float(self._power_w)], import_wh).values(profile)
        self._emulated.measure(values)
        self.truth = decode(profile, encode(profile, values)).values
        self._shown_wh.add(self.truth["import_wh"])

    def serve(self, frame: bytes) -> bytes:
        """The answer to a request that came whole; empty: none."""
        if len(frame) < 8 or crc(frame[:-2]) != frame[-2:]:
            return b""
        # As if each request came long after the one before.
        self._now_s += 10.0
        answer = self._emulated.answer(frame[1:-2], self._now_s)
        if answer is None:
            return b""
        reply = bytes((self.address,)) + answer
        return reply + crc(reply)

    def compare(self, readings: Readings) -> None:
        """Hold what the gateway understood against what there was."""
        differs = any(self.truth[key] != value for key, value in readings.values.items())
        self.wrong_reads += differs or bool(readings.implausible)

    def look(self, its: Tools) -> tuple[Verdict, int, int]:
        """What was signed for it: promises that were broken, wrong records, records."""
        verdict, wrong, readings = Verdict(), 0, 0
        for row in its.store.store.records(self.device):
            opened = open_signed(row[2], row[3], CHAIN)
            key = self._signer.public_key
            verdict.unsigned += not signature_holds(key, opened.to_be_signed, opened.signature)
            if isinstance(record := opened.record, Reading):
                readings += 1
                wrong += self._is_wrong(record)
        return verdict, wrong, readings

    def _is_wrong(self, record: Reading) -> bool:
        import_wh, _, mean_w, max_w, _ = record.channels[0]
        found = (mean_w, max_w, record.voltage_dv, record.max_ma)
        true = tuple(self.truth[key] for key in ("power_w", "power_w", "voltage_dv", "current_ma"))
        return import_wh not in self._shown_wh or found != true


class _Heard(ProfileDriver):
    """The gateway's driver; what it understood is compared."""

    def __init__(self, bus: Bus, meter: Meter) -> None:
        super().__init__(bus, meter.driver_config(), find_profile(PROFILE))
        self._meter = meter

    async def read(self) -> Readings:
        """As the gateway reads."""
        readings = await super().read()
        self._meter.compare(readings)
        return readings
