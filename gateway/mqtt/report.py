"""What the status file says of boards over MQTT or BLE, and of the broker."""

from typing import Any

from gateway.mqtt.boards import Boards, MqttBoard
from gateway.mqtt.collector import MqttCollector

Json = dict[str, Any]


def boards(known: Boards, records: dict[bytes, int], way: str) -> list[Json]:
    """One row a board, with the keys of those on a bus; `way` stands for the bus."""
    rows = sorted(known.known.values(), key=lambda board: board.device)
    return [_board(known, board, records, way) for board in rows]


def broker(collector: MqttCollector) -> Json:
    """The connection, what waits, and what was refused or odd."""
    known = collector.boards.known.values()
    return {
        "open": collector.is_open,
        "connects": collector.connects,
        "waiting": len(collector.intake),
        "most_waiting": collector.intake.most,
        "acks": collector.acker.sent,
        "odd": dict(sorted(collector.counts.items())),
        "dropped_at_broker": collector.drops.total,
        "retained_at_boards": sum(board.retained for board in known),
        "dropped_at_boards": sum(board.dropped for board in known),
    }


def _board(known: Boards, board: MqttBoard, records: dict[bytes, int], way: str) -> Json:
    status = board.status
    state = "ok" if known.is_here(board.device) else "silent"
    return {
        "name": board.device.hex()[:8],
        "bus": way,
        "bus_address": board.device.hex()[:8],
        "device": board.device.hex(),
        "state": "held" if board.held else state,
        "held": board.held,
        "seen_ms": board.seen_ms,
        "records": records.get(board.device, 0),
        "epoch": status.epoch if status else 0,
        "next_seq": status.next_seq if status else 0,
        "unacked": status.unacked if status else 0,
        "clock_trusted": status.clock_trusted if status else False,
        "relays": status.relays if status else 0,
        "command_counter": status.counter if status else 0,
    }
