"""A workbench's board on the air, and the gateway's MQTT half with the workbench's keys."""

from pathlib import Path
from typing import Any

from workbench import CHAIN, GATEWAY, NOW_S, Workbench, certificates, signed

from gateway.admit import Board
from gateway.directory import Entry
from gateway.tests.mqtt.site import MqttSite
from wireformat import codes
from wireformat.control import Command

PATIENCE_S = 45


class RadioBench(Workbench):
    """A board without a bus; `network(False)` takes its network away."""

    def __init__(self, folder: Path, port: int, speed: int = 10, **changes: Any) -> None:
        spec = changes.pop("spec", {})
        mqtt = {"ssid": "site", "psk": "secret", "host": "127.0.0.1", "port": port}
        mqtt |= changes.pop("mqtt", {})
        changes = {"mqtt": mqtt, "bus": None, "interval_s": 5, "boundary_s": 10} | changes
        super().__init__(folder, changes, speed, radio=True, **spec)

    def network(self, there: bool) -> None:
        flag = self.board.directory / "radio.down"
        if there:
            flag.unlink()
        else:
            flag.touch()

    def registered(self) -> Board:
        return Board(self.address, self.public_key, codes.METER, channels=2, relays=2)

    def journal(self) -> list[bytes]:
        return [data for _, data in self.board.journal()]

    def order(self, counter: int, action: int, **changes: Any) -> bytes:
        command: Command = self.command(counter, action, **changes)
        return signed(command, self.authority)


class RadioSite(MqttSite):
    """The gateway of such boards."""

    chain_id, start_s = CHAIN, NOW_S
    signing_seed = bytes(GATEWAY)

    def certificates(self) -> tuple[bytes, bytes]:
        return certificates()

    def enrol(self, bench: RadioBench) -> None:
        self.directory.put(Entry(bench.registered()))

    def stored(self, bench: RadioBench) -> list[bytes]:
        return [row[3] for row in self.store.records(bench.address)]


def well(site: RadioSite, bench: RadioBench) -> bool:
    """It has the time and both certificates, and what it holds without an ack is of this moment."""
    board = site.collector.boards.known.get(bench.address)
    status = board and board.status
    return bool(
        status and status.clock_trusted and status.control_serial == 5 and status.unacked < 6
    )
