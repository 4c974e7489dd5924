"""The report of a run: one JSON object, and whether the run held what the loop promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from truewatt.demo.accounting import Account, SignedRecord
from truewatt.demo.attested import Attested
from truewatt.demo.attested import failures as attested_failures
from truewatt.demo.ledger_view import LedgerView
from truewatt.demo.physics_log import Balance, PhysicsLog, Switching
from truewatt.demo.scenario import Scenario
from truewatt.emulator.physics.heat_pump import MODES
from truewatt.emulator.physics.home import SG_CONTACTS
from wireformat.chained import Outcome
from wireformat.codes import DONE

MAX_BALANCE_ERROR = 0.01
_MATCH_MS = 5_000
"""How far apart the physics' and the board's word on one switching may be, simulated."""


@dataclass(frozen=True)
class Evidence:
    """All that a report is computed from."""

    scenario: Scenario
    account: Account
    ledger_account: Account
    refusals: Mapping[str, int]
    ledger: LedgerView
    balance: Balance
    physics: PhysicsLog
    switchings: list[Switching]
    kept: Mapping[str, list[SignedRecord]]
    kills: int
    restarts: Mapping[str, int]
    set_aside: Mapping[str, str]
    verified: bool
    attested: Attested = field(default_factory=Attested)


def build(evidence: Evidence) -> dict[str, object]:
    """The report; every figure's unit is in its name, times are simulated."""
    scenario, account, ledger = evidence.scenario, evidence.account, evidence.ledger
    commands = ledger.counts()
    latencies = event_to_relay_ms(evidence)
    mix = ledger.prices.get("mix", (0, 0))
    return {
        "seed": scenario.seed,
        "minutes": scenario.minutes,
        "speed": scenario.speed,
        "boards": len(scenario.boards),
        "readings_signed": account.readings_signed,
        "readings_admitted": account.readings_admitted,
        "readings_refused": dict(evidence.refusals),
        "readings_lost": account.lost + evidence.ledger_account.lost,
        "readings_late": account.late + evidence.ledger_account.late,
        "readings_duplicated": account.duplicated + evidence.ledger_account.duplicated,
        "readings_foreign": account.foreign + evidence.ledger_account.foreign,
        "records_signed": account.signed,
        "records_admitted": account.admitted,
        "records_on_ledger": evidence.ledger_account.admitted,
        "records_in_flight": account.in_flight,
        "ledger_refused": ledger.refused_records,
        "commands_issued": commands["issued"],
        "commands_done": commands["done"],
        "commands_refused": commands["refused"],
        "commands_expired": commands["expired"],
        "commands_open": commands["open"],
        "relay_switchings": len(latencies),
        "event_to_relay_ms": {"p50": _quantile(latencies, 0.5), "p99": _quantile(latencies, 0.99)},
        "height": ledger.height,
        "app_hash": ledger.app_hash,
        "ledger_verified": evidence.verified,
        "energy_metered_wh": round(evidence.balance.metered_wh),
        "energy_physics_wh": round(evidence.balance.physics_wh, 1),
        "energy_balance_error": round(evidence.balance.error, 6),
        "worst_channel": evidence.balance.worst_channel,
        "worst_deviation_wh": round(evidence.balance.worst_deviation_wh, 2),
        "price_micro_per_kwh": {"min": mix[0], "max": mix[1]},
        "prices_by_energy": {
            name: {"min": low, "max": high} for name, (low, high) in ledger.prices.items()
        },
        "peak_load_w": {
            "with_control": round(evidence.physics.peak_demand_w("feeder_wh")),
            "without_control": round(evidence.physics.peak_demand_w("feeder_uncontrolled_wh")),
        },
        "peak_instant_w": {
            "with_control": round(evidence.physics.peak("feeder_w")),
            "without_control": round(evidence.physics.peak("feeder_uncontrolled_w")),
        },
        "kills": evidence.kills,
        "restarts": dict(evidence.restarts),
        "set_aside": dict(evidence.set_aside),
        "attested": evidence.attested.to_json(),
        "faults": (account.faults + evidence.ledger_account.faults)[:50],
    }


def failures(report: Mapping[str, object]) -> list[str]:
    """What the run broke of its promises; empty if it held them all."""
    broken = []
    for key in ("readings_lost", "readings_duplicated", "readings_foreign"):
        if report[key]:
            broken.append(f"{key} is {report[key]}, must be 0")
    if report["readings_late"]:
        broken.append(
            f"readings_late is {report['readings_late']}, must be 0: they are in the journals, but"
            " did not arrive before the run was given up; if this machine is too slow for"
            f" x{report['speed']:g}, try a lower --speed"
        )
    if not report["commands_done"]:
        broken.append("commands_done is 0: no contract moved a relay")
    error = report["energy_balance_error"]
    if not isinstance(error, float) or error > MAX_BALANCE_ERROR:
        broken.append(f"energy_balance_error is {error}, must be at most {MAX_BALANCE_ERROR}")
    broken += attested_failures(report.get("attested"))
    if not report["ledger_verified"]:
        broken.append("the ledger does not verify: run truewatt ledger verify")
    return broken


def event_to_relay_ms(evidence: Evidence) -> list[int]:
    """For each command that moved a contact: from the finality of its block to the physics.

    A renewed order that finds its relay where it should be moves nothing and is not counted.
    """
    ledger = evidence.ledger
    intents = {intent.id: intent for intent in ledger.intents}
    found = []
    for name, records in evidence.kept.items():
        moves = [move for move in evidence.switchings if move.board == name]
        for item in records:
            record = item.record
            if not isinstance(record, Outcome) or record.status != DONE:
                continue
            intent = intents.get(record.command_id)
            move = _move_of(record, moves, evidence.scenario.contacts(name))
            if intent is not None and move is not None:
                found.append(move.t_ms - ledger.final_ms[intent.height])
    return sorted(found)


def _move_of(record: Outcome, moves: list[Switching], contacts: Sequence[str]) -> Switching | None:
    wanted = _contacts_after(record, contacts)
    near = [
        move
        for move in moves
        if wanted.get(move.asset) is move.closed and abs(move.t_ms - record.at_ms) <= _MATCH_MS
    ]
    return min(near, key=lambda move: abs(move.t_ms - record.at_ms), default=None)


def _contacts_after(record: Outcome, contacts: Sequence[str]) -> dict[str, bool]:
    """How the asset's contacts stand; of an SG-Ready heat pump the state is the label's mode."""
    if tuple(contacts) == SG_CONTACTS:
        both = next((both for both, mode in MODES.items() if mode == record.state), ())
        return dict(zip(contacts, both, strict=False))
    return {contacts[record.asset]: bool(record.state)}


def _quantile(values: list[int], share: float) -> int | None:
    """Nearest-rank quantile of sorted values; None without any."""
    if not values:
        return None
    return values[max(0, -(-len(values) * int(share * 100) // 100) - 1)]
