"""Commercial devices after a run: what the gateway signed for them, against ledger and physics.

There is no journal on a board to hold it against: a record begins in the gateway's store. So they
are counted apart from the boards, and their energy is in no board's balance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from truewatt.demo.accounting import Account, SignedRecord, account
from truewatt.demo.physics_log import PhysicsLog, last_trusted
from truewatt.demo.plant import DevicePlan


@dataclass(frozen=True)
class DeviceStock:
    """One device: records, and registers in Wh beside the physics at the time of its last one."""

    name: str
    profile: str
    section: str
    home: str
    records_admitted: int
    records_on_ledger: int
    import_wh: int
    export_wh: int
    physics_import_wh: float
    physics_export_wh: float
    deviation_wh: float


@dataclass(frozen=True)
class Attested:
    """All devices; `account` holds the gateway's store against the ledger."""

    account: Account = field(default_factory=Account)
    devices: tuple[DeviceStock, ...] = ()

    @property
    def energy_error(self) -> float:
        """The sum of deviations over the sum of energy."""
        physics = sum(one.physics_import_wh + one.physics_export_wh for one in self.devices)
        return sum(one.deviation_wh for one in self.devices) / physics if physics else 0.0

    def to_json(self) -> dict[str, object]:
        """As it stands in the report."""
        return {
            "records_admitted": sum(one.records_admitted for one in self.devices),
            "records_on_ledger": sum(one.records_on_ledger for one in self.devices),
            "records_in_flight": self.account.in_flight,
            "records_lost": self.account.lost,
            "records_late": self.account.late,
            "records_duplicated": self.account.duplicated,
            "records_foreign": self.account.foreign,
            "energy_error": round(self.energy_error, 6),
            "devices": [asdict(one) for one in self.devices],
        }


def take_stock(
    devices: Sequence[DevicePlan],
    kept: Mapping[str, list[SignedRecord]],
    on_ledger: Mapping[str, list[SignedRecord]],
    physics: PhysicsLog,
    end_s: int,
) -> Attested:
    """Count what was kept of each device and what the ledger admitted, up to `end_s`."""
    found = [_stock(device, kept, on_ledger, physics) for device in devices]
    return Attested(account(kept, on_ledger, end_s), tuple(found))


def _stock(
    device: DevicePlan,
    kept: Mapping[str, list[SignedRecord]],
    on_ledger: Mapping[str, list[SignedRecord]],
    physics: PhysicsLog,
) -> DeviceStock:
    last = last_trusted(kept[device.name])
    registers, exact = (0, 0), (0.0, 0.0)
    if last is not None:
        at_ms = last.time_s * 1000
        registers = (sum(one[0] for one in last.channels), sum(one[1] for one in last.channels))
        exact = (
            physics.at(f"{device.name}.import_wh", at_ms),
            physics.at(f"{device.name}.export_wh", at_ms),
        )
    apart = sum(abs(told - true) for told, true in zip(registers, exact, strict=True))
    return DeviceStock(
        name=device.name,
        profile=device.profile,
        section=device.section,
        home=device.home,
        records_admitted=len(kept[device.name]),
        records_on_ledger=len(on_ledger[device.name]),
        import_wh=registers[0],
        export_wh=registers[1],
        physics_import_wh=round(exact[0], 1),
        physics_export_wh=round(exact[1], 1),
        deviation_wh=round(apart, 2),
    )


def failures(attested: object) -> list[str]:
    """What a report's `attested` breaks of the promises; None, as in a run without, breaks none."""
    if not isinstance(attested, dict):
        return []
    keys = ("records_lost", "records_late", "records_duplicated", "records_foreign")
    return [f"attested {key} is {attested[key]}, must be 0" for key in keys if attested[key]]
