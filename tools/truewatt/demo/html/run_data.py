"""All that the page shows, read from the folder of a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.status import STATUS_FILE
from gateway.store import Store, StoreError
from ledger.engine.errors import EngineError
from truewatt.demo.html.chain import Chain, read_chain
from truewatt.demo.html.metered import Metered, of_records
from truewatt.demo.physics_log import PhysicsLog, Switching, switchings
from wireformat import cose
from wireformat.chained import Feeder, Reading
from wireformat.codes import CLOCK_UNTRUSTED


class NoRun(ValueError):
    """The folder holds no finished run; says what is missing."""


@dataclass(frozen=True)
class RunData:
    """A finished run. `sections`: homes by M-LMD; `meters`: each home's board; `devices`: by
    M-LMD, those with a circuit of their own behind it, for which the gateway signs."""

    folder: Path
    report: Mapping[str, Any]
    physics: PhysicsLog
    switchings: list[Switching]
    chain: Chain
    metered: Mapping[str, Metered]
    sections: Mapping[str, list[str]]
    meters: Mapping[str, str]
    limit_w: list[tuple[int, float]] = field(default_factory=list)
    devices: Mapping[str, list[str]] = field(default_factory=dict)

    def counted_behind(self, section: str) -> list[Metered]:
        """Of each meter and device that counts energy behind an M-LMD."""
        boards = [self.meters.get(home, "") for home in self.sections[section]]
        boards += self.devices.get(section, [])
        return [self.metered.get(board, Metered()) for board in boards]

    @property
    def span_ms(self) -> tuple[int, int]:
        """From the first to the last sample of the physics."""
        times = self.physics.t_ms
        return (times[0], times[-1]) if times else (0, 0)


def load(folder: Path) -> RunData:
    """Read the run in `folder`; raises `NoRun`."""
    try:
        report = json.loads((folder / "report.json").read_bytes())
        rig = json.loads((folder / "rig.json").read_bytes())
        status = json.loads((folder / "gateway" / STATUS_FILE).read_bytes())
        physics = PhysicsLog(folder / "rig" / "physics.csv")
    except (OSError, ValueError) as error:
        raise NoRun(f"{folder} holds no finished run: {error}") from error
    names = {item["device"]: item["name"] for item in status["boards"] if item["device"]}
    try:
        chain = read_chain(folder / "ledger", names)
        metered, limits = _from_store(folder / "gateway" / "gateway.db", names, chain)
    except (StoreError, EngineError) as error:
        raise NoRun(f"{folder}: {error}") from error
    meters = {b["home"]: name for name, b in rig["boards"].items() if b.get("home")}
    sections: dict[str, list[str]] = {}
    for home in rig["homes"]:
        sections.setdefault(home["section"] or "", []).append(home["name"])
    return RunData(
        folder=folder,
        report=report,
        physics=physics,
        switchings=switchings(folder / "rig" / "switches.jsonl"),
        chain=chain,
        metered=metered,
        sections=sections,
        meters=meters,
        limit_w=_summed(limits),
        devices=_devices(rig),
    )


def _devices(rig: Mapping[str, Any]) -> dict[str, list[str]]:
    section_of = {home["name"]: home["section"] or "" for home in rig["homes"]}
    found: dict[str, list[str]] = {}
    for device in rig.get("devices", ()):
        if device["at"] in section_of:
            found.setdefault(section_of[device["at"]], []).append(device["name"])
    return found


def _from_store(
    path: Path, names: Mapping[str, str], chain: Chain
) -> tuple[dict[str, Metered], dict[str, list[tuple[int, float]]]]:
    """Each board's readings and each M-LMD's limit in force; adds deliveries to the lives."""
    metered: dict[str, Metered] = {}
    limits: dict[str, list[tuple[int, float]]] = {}
    with closing(Store.open_readonly(path)) as store:
        for device, name in names.items():
            records = _intervals(store, bytes.fromhex(device))
            metered[name] = of_records(records)
            steps = [(r.time_s * 1000, float(r.limit_w)) for r in records if isinstance(r, Feeder)]
            if steps:
                limits[name] = steps
        for command, delivered_ms in store.database.all("SELECT id, delivered_ms FROM commands"):
            life = chain.lives.get(command.hex())
            if life is not None:
                life.delivered_ms = delivered_ms
    return metered, limits


def _intervals(store: Store, device: bytes) -> list[Reading | Feeder]:
    found: list[Reading | Feeder] = []
    for _, _, code, data, _ in store.records(device):
        if code not in (Reading.CODE, Feeder.CODE):
            continue
        kind = Reading if code == Reading.CODE else Feeder
        record: Reading | Feeder = kind.from_payload(cose.split(data).payload)
        if not record.flags & CLOCK_UNTRUSTED:
            found.append(record)
    return found


def _summed(limits: Mapping[str, list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """The sum of all limits in force, at each time when one of them was told."""
    now: dict[str, float] = {}
    steps = sorted((t_ms, name, watts) for name, series in limits.items() for t_ms, watts in series)
    total: list[tuple[int, float]] = []
    for t_ms, name, watts in steps:
        now[name] = watts
        if len(now) == len(limits):
            total.append((t_ms, sum(now.values())))
    return total
