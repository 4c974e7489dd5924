"""`<data_dir>/status.json`: what the gateway knows of itself, for people, demo and tests."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.collect.collector import Collector
from gateway.collect.turns import Waits
from gateway.collect.visit import Visited
from gateway.collect.worker import BusWorker
from gateway.config import MeterConfig
from gateway.light_node import LightNode
from gateway.mqtt import report
from gateway.mqtt.collector import MqttCollector
from gateway.notices import Notices
from gateway.store import Store

if TYPE_CHECKING:
    from gateway.ble.collector import BleCollector

Json = dict[str, Any]

STATUS_FILE = "status.json"


def snapshot(
    name: str,
    now_ms: int,
    collector: Collector,
    node: LightNode,
    store: Store,
    notices: Notices,
    records: dict[bytes, int],
    mqtt: MqttCollector | None = None,
    ble: "BleCollector | None" = None,
) -> Json:
    """The whole status. `records`: admitted records by board."""
    status = _snapshot(name, now_ms, collector, node, store, notices, records)
    if mqtt is not None:
        status["boards"] += report.boards(mqtt.boards, records, "mqtt")
        status["mqtt"] = report.broker(mqtt)
    if ble is not None:
        status["boards"] += report.boards(ble.boards, records, "ble")
        status["ble"] = ble.report()
    return status


def _snapshot(
    name: str,
    now_ms: int,
    collector: Collector,
    node: LightNode,
    store: Store,
    notices: Notices,
    records: dict[bytes, int],
) -> Json:
    return {
        "gateway": name,
        "time_ms": now_ms,
        "boards": [_board(w, p, records) for w in collector.workers for p in w.places],
        "buses": [_bus(worker) for worker in collector.workers],
        "records": sum(records.values()),
        "outbox": len(store.outbox),
        "refusals": store.refusals(),
        "commands": store.commands.counts(),
        "light": {"height": node.height, "lies": node.lies},
        "notices": {
            key: {
                "code": notice.error.code,
                "text": str(notice.error),
                "since_ms": notice.since_ms,
                "times": notice.times,
            }
            for key, notice in notices.open().items()
        },
        "notice_counts": dict(sorted(notices.counts.items())),
    }


def write_status(folder: Path, status: Json) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    draft = folder / f".{STATUS_FILE}.new"
    draft.write_text(json.dumps(status) + "\n")
    os.replace(draft, folder / STATUS_FILE)


def table(status: Json) -> str:
    """The status for a terminal."""
    lines = [
        f"gateway {status['gateway']}: {status['records']} records, {status['outbox']} on their"
        f" way to the ledger, verified height {status['light']['height']}",
        "",
        f"{'board':12} {'place':14} {'address':18} {'state':12} {'records':>8} {'unacked':>8}",
    ]
    for board in status["boards"]:
        place = f"{board['bus']}/{board['bus_address']}"
        address = (board["device"] or "-")[:16]
        lines.append(
            f"{board['name']:12} {place:14} {address:18} {board['state']:12}"
            f" {board['records']:>8} {board['unacked']:>8}"
        )
    if "mqtt" in status:
        lines.append(_mqtt_line(status["mqtt"]))
    if "ble" in status:
        lines.append(_ble_line(status["ble"]))
    for title in ("refusals", "commands"):
        counts = ", ".join(f"{key} {count}" for key, count in status[title].items())
        lines.append(f"{title}: {counts or 'none'}")
    lines += [f"! {key}: {notice['text']}" for key, notice in status["notices"].items()]
    return "\n".join(lines)


def _mqtt_line(mqtt: Json) -> str:
    odd = ", ".join(f"{key} {count}" for key, count in mqtt["odd"].items())
    state = "connected" if mqtt["open"] else "not connected"
    return f"mqtt: {state}, {mqtt['waiting']} records waiting; odd messages: {odd or 'none'}"


def _ble_line(ble: Json) -> str:
    up = sum(one["open"] for one in ble["sessions"])
    odd = ", ".join(f"{key} {count}" for key, count in ble["odd"].items())
    return f"ble: {up} of {len(ble['sessions'])} boards connected; odd messages: {odd or 'none'}"


def _bus(worker: BusWorker) -> Json:
    return {
        "name": worker.bus.name,
        "open": worker.bus.is_open,
        "requests": worker.bus.requests,
        "failures": worker.bus.failures,
        "urgent": _waits(worker.bus.waits),
    }


def _waits(waits: Waits) -> Json:
    mean_s = waits.total_s / waits.count if waits.count else 0.0
    return {
        "requests": waits.count,
        "mean_ms": round(1000 * mean_s, 1),
        "longest_ms": round(1000 * waits.longest_s, 1),
        "unanswered": waits.unanswered,
        "longest_unanswered_ms": round(1000 * waits.longest_unanswered_s, 1),
    }


def _board(worker: BusWorker, place: Visited, records: dict[bytes, int]) -> Json:
    seen, schedule = place.seen, worker.schedules[place]
    status = seen.status
    return {
        "name": place.config.name,
        "attested": isinstance(place.config, MeterConfig),
        "bus": worker.bus.name,
        "bus_address": place.config.address,
        "line_s": round(worker.bus.spent_s.get(place.config.address, 0.0), 3),
        "device": seen.device.hex() if seen.device else None,
        "state": _state(place, schedule.quarantined),
        "held": seen.held,
        "seen_ms": seen.seen_ms,
        "records": records.get(seen.device, 0) if seen.device else 0,
        "epoch": status.epoch if status else 0,
        "next_seq": status.next_seq if status else 0,
        "unacked": status.unacked if status else 0,
        "clock_trusted": status.clock_trusted if status else False,
        "relays": status.relays if status else 0,
        "command_counter": status.counter if status else 0,
    }


def _state(place: Visited, quarantined: bool) -> str:
    if quarantined:
        return "silent"
    if not place.seen.seen_ms:
        return "not seen"
    if place.seen.device is None:
        return "not read"
    return "held" if place.seen.held else "ok"
