"""Readings out of a store, for spreadsheets (CSV) and for machines (SenML, RFC 8428).

Both are written as they are read: a year needs no memory. Values are what the board signed; the
mean power is signed with import positive, the registers are cumulative Wh.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from gateway.keep.times import iso
from gateway.store import Store
from wireformat import codes, cose
from wireformat.chained import Feeder, Reading

_KINDS = {Reading.CODE: Reading, Feeder.CODE: Feeder}

CSV_COLUMNS = (
    "time",
    "board",
    "epoch",
    "seq",
    "interval_s",
    "channel",
    "import_wh",
    "export_wh",
    "mean_w",
    "max_w",
    "mean_var",
    "voltage_v",
    "max_a",
    "clock_trusted",
)
SENML_VERSION = 10 + 2**4
"""RFC 9100, section 2: feature 4, secondary units (RFC 8798: Wh)."""

_SENML = (("import", "Wh", 0), ("export", "Wh", 1), ("power", "W", 2), ("var", "var", 4))


@dataclass(frozen=True)
class Span:
    """Which readings: `from_s` <= time < `to_s`, Unix seconds as the board signed them."""

    from_s: int = 0
    to_s: int = 1 << 48

    def holds(self, time_s: int) -> bool:
        """Whether a time is within."""
        return self.from_s <= time_s < self.to_s


def readings(store: Store, device: bytes, span: Span) -> Iterator[Reading | Feeder]:
    """A board's readings in the chain's order. They were verified when they were admitted."""
    for _, _, code, data, _ in store.records(device):
        kind = _KINDS.get(code)
        if kind is None:
            continue
        record: Reading | Feeder = kind.from_payload(cose.split(data).payload)
        if span.holds(record.time_s):
            yield record


def write_csv(out: TextIO, store: Store, devices: Iterable[bytes], span: Span) -> int:
    """A row for each channel of each reading; returns how many readings there were."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    for device in devices:
        for record in readings(store, device, span):
            count += 1
            for number, channel in enumerate(record.channels):
                writer.writerow(_csv_row(device, record, number, channel))
    return count


def _csv_row(
    device: bytes, record: Reading | Feeder, number: int, channel: list[int]
) -> list[object]:
    return [
        iso(record.time_s),
        device.hex(),
        record.epoch,
        record.seq,
        record.interval_s,
        number,
        *channel,
        f"{record.voltage_dv // 10}.{record.voltage_dv % 10}",
        f"{record.max_ma // 1000}.{record.max_ma % 1000:03d}",
        int(not record.flags & codes.CLOCK_UNTRUSTED),
    ]


def write_senml(out: TextIO, store: Store, devices: Iterable[bytes], span: Span) -> int:
    """One SenML pack; returns how many readings there were.

    Names are `<board address>:<channel>:<what>`; readings whose clock was not trusted are left
    out, because a SenML record has no way to say so.
    """
    count, comma = 0, ""
    out.write("[")
    for device in devices:
        for record in readings(store, device, span):
            if record.flags & codes.CLOCK_UNTRUSTED:
                continue
            count += 1
            for entry in _senml_entries(device, record):
                out.write(f"{comma}\n{json.dumps(entry, separators=(',', ':'))}")
                comma = ","
    out.write("\n]\n")
    return count


def _senml_entries(device: bytes, record: Reading | Feeder) -> Iterator[dict[str, object]]:
    base: dict[str, object] = {
        "bver": SENML_VERSION,
        "bn": f"{device.hex()}:",
        "bt": record.time_s,
    }
    for number, channel in enumerate(record.channels):
        for name, unit, at in _SENML:
            yield {**base, "n": f"{number}:{name}", "u": unit, "v": channel[at]}
            base = {}
    yield {"n": "voltage", "u": "V", "v": record.voltage_dv / 10}
