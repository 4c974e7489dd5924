"""The gateway's status file and store, read beside it, as values of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.status import STATUS_FILE
from gateway.store import Store
from truewatt.demo.view.model import ALARM, NOTE, Board, Command, Event, Gateway
from wireformat import codes, cose
from wireformat.chained import Event as EventRecord
from wireformat.chained import Feeder as FeederRecord
from wireformat.control import Command as CommandRecord

Json = Mapping[str, Any]

_ALARMS = {
    kind
    for kind, name in codes.EVENT_KINDS.items()
    if name not in ("boot", "communication recovered", "breaker closed", "opt-in")
}
_COUNT_HOLES_EVERY = 20
"""Reads of the store between two counts of what is missing: each walks over all records."""
_NEW_AT_ONCE = 40
_COMMANDS_SHOWN = 12


def gateway(
    status: Json,
    lost: int = 0,
    limits_w: Mapping[str, int] | None = None,
    breakers: Mapping[str, tuple[int, int]] | None = None,
) -> Gateway:
    """From `status.json`; raises LookupError, TypeError or ValueError if it is none."""
    boards = {item["name"]: _board(item) for item in status["boards"]}
    return Gateway(
        time_ms=int(status["time_ms"]),
        boards=boards,
        records=int(status["records"]),
        outbox=int(status["outbox"]),
        refusals=dict(status["refusals"]),
        commands=dict(status["commands"]),
        notices={key: str(notice["text"]) for key, notice in status["notices"].items()},
        bus_failures=sum(int(bus["failures"]) for bus in status["buses"]),
        lost=lost,
        limits_w=limits_w or {},
        breakers=breakers or {},
    )


def _board(item: Json) -> Board:
    return Board(
        name=str(item["name"]),
        device=str(item.get("device") or ""),
        bus=str(item.get("bus") or ""),
        address=int(item.get("bus_address") or 0),
        state=str(item.get("state") or "?"),
        held=str(item.get("held") or ""),
        seen_ms=int(item.get("seen_ms") or 0),
        records=int(item.get("records") or 0),
        unacked=int(item.get("unacked") or 0),
        epoch=int(item.get("epoch") or 0),
        next_seq=int(item.get("next_seq") or 0),
        clock_trusted=bool(item.get("clock_trusted")),
        relays=int(item.get("relays") or 0),
        counter=int(item.get("command_counter") or 0),
        attested=bool(item.get("attested")),
    )


class GatewaySource:
    """Reads the files of the gateway in `folder`; each call opens and closes the store."""

    def __init__(self, folder: Path, mlmds: frozenset[str] | None = None) -> None:
        self._folder = folder
        self._mlmds = mlmds
        self._last_event, self._last_refused = 0, 0
        self._lost = self._reads = 0

    def read(self) -> tuple[Gateway, list[Event]]:
        """The status, and what has happened since the last call.

        Raises OSError, LookupError, ValueError or StoreError while there is nothing to read.
        """
        status = json.loads((self._folder / STATUS_FILE).read_bytes())
        names = {item["device"]: item["name"] for item in status["boards"] if item["device"]}
        with closing(Store.open_readonly(self._folder / "gateway.db")) as store:
            if self._reads % _COUNT_HOLES_EVERY == 0:
                self._lost = _holes(store)
            self._reads += 1
            feeders = self._feeders(store, names)
            events = self._events(store, names) + self._refused(store, names)
        limits = {name: feeder.limit_w for name, feeder in feeders.items()}
        breakers = {name: (feeder.breaker, feeder.trip_cause) for name, feeder in feeders.items()}
        return gateway(status, self._lost, limits, breakers), events

    def commands(self, device: str) -> list[Command]:
        """The last commands for a board, the newest first."""
        with closing(Store.open_readonly(self._folder / "gateway.db")) as store:
            rows = store.database.all(
                "SELECT id, data, state, reason, seen_ms, delivered_ms, ended_ms FROM commands"
                f" WHERE device = ? ORDER BY counter DESC LIMIT {_COMMANDS_SHOWN}",
                (bytes.fromhex(device),),
            )
        return [_command(row) for row in rows]

    def head(self, device: str) -> str:
        """The hash of the last record that is held of a board, hex; empty if none is."""
        with closing(Store.open_readonly(self._folder / "gateway.db")) as store:
            head = store.head(bytes.fromhex(device))
        return head.hash.hex() if head else ""

    def _feeders(self, store: Store, names: Mapping[str, str]) -> dict[str, FeederRecord]:
        """The last interval of each M-LMD: its breaker and the limit in force."""
        found = {}
        for device, name in names.items():
            if self._mlmds is not None and name not in self._mlmds:
                continue
            row = store.database.one(
                # The newest few records of a board hold an interval, whatever came between.
                "SELECT data FROM (SELECT code, data, epoch, seq FROM records WHERE device = ?"
                " ORDER BY epoch DESC, seq DESC LIMIT 20)"
                f" WHERE code = {FeederRecord.CODE} ORDER BY epoch DESC, seq DESC LIMIT 1",
                (bytes.fromhex(device),),
            )
            if row is not None:
                found[name] = FeederRecord.from_payload(cose.split(row[0]).payload)
        return found

    def _events(self, store: Store, names: Mapping[str, str]) -> list[Event]:
        rows = store.database.all(
            "SELECT id, device, code, data, received_ms FROM records WHERE id > ? ORDER BY id",
            (self._last_event,),
        )
        self._last_event = rows[-1][0] if rows else self._last_event
        return [
            _event(names.get(device.hex(), device.hex()[:8]), data, received_ms)
            for _, device, code, data, received_ms in rows
            if code == EventRecord.CODE
        ]

    def _refused(self, store: Store, names: Mapping[str, str]) -> list[Event]:
        rows = store.database.all(
            "SELECT id, reason, device, last_ms FROM refusal_evidence WHERE id > ? ORDER BY id"
            f" LIMIT {_NEW_AT_ONCE}",
            (self._last_refused,),
        )
        self._last_refused = rows[-1][0] if rows else self._last_refused
        return [
            Event(at_ms, ALARM, f"{_whose(device, names)}: record refused: {_words(reason)}")
            for _, reason, device, at_ms in rows
        ]


def _whose(device: bytes | None, names: Mapping[str, str]) -> str:
    return "unknown" if device is None else names.get(device.hex(), device.hex()[:8])


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _event(name: str, data: bytes, received_ms: int) -> Event:
    record: EventRecord = EventRecord.from_payload(cose.split(data).payload)
    text = codes.EVENT_KINDS.get(record.kind, f"event {record.kind}")
    if record.kind == codes.EV_TRIP and len(record.detail) == 2:
        cause, power_w = record.detail
        text = f"TRIPPED at {power_w / 1000:.1f} kW: {codes.TRIP_CAUSES.get(cause, cause)}"
    kind = ALARM if record.kind in _ALARMS else NOTE
    # A board without trusted time does not say when: then it is when the gateway heard of it.
    untrusted = record.flags & codes.CLOCK_UNTRUSTED
    return Event(received_ms if untrusted else record.time_s * 1000, kind, f"{name}: {text}")


def _command(row: tuple[Any, ...]) -> Command:
    record: CommandRecord = CommandRecord.from_payload(cose.split(row[1]).payload)
    action = codes.ACTIONS.get(record.action, f"action {record.action}")
    return Command(
        id=row[0].hex(),
        action=f"{action} {record.value} W" if record.value else action,
        asset=record.asset,
        state=row[2],
        reason=codes.REASONS.get(row[3], "") if row[3] else "",
        seen_ms=row[4],
        delivered_ms=row[5],
        ended_ms=row[6],
    )


def _holes(store: Store) -> int:
    """Records missing between those held, by each board's own count, less its signed gaps.

    A chain is admitted in order, so this is 0 unless the store itself lost something.
    """
    rows = store.database.all(
        "SELECT device, epoch, min(seq), max(seq), count(*) FROM records GROUP BY device, epoch"
    )
    missing: int = sum(last - first + 1 - count for _, _, first, last, count in rows)
    permits = store.database.one(
        "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM permits"
        " WHERE first_epoch = last_epoch"
    )
    return max(0, missing - int(permits[0] if permits else 0))
