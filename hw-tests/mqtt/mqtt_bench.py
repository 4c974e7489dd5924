"""A workbench's board on the air, and the gateway's MQTT half with the workbench's keys."""

from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from workbench import AREA, CHAIN, NOW_S, Workbench, signed

from gateway.admit import Board
from gateway.directory import Entry
from gateway.tests.mqtt.site import MqttSite
from wireformat import codes
from wireformat.control import Certificate, Command

GATEWAY, AUTHORITY, ROOT = (SigningKey(bytes([n]) * 32) for n in (2, 3, 1))


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
        rows = ((codes.ACK, GATEWAY, 3), (codes.CONTROL, AUTHORITY, 5))
        ack, control = (
            signed(
                Certificate(
                    role=role, area=AREA, public_key=bytes(key.verify_key), serial=serial,
                    expires_s=NOW_S + 10**7,
                ),
                ROOT,
            )
            for role, key, serial in rows
        )  # fmt: skip
        return ack, control

    def enrol(self, bench: RadioBench) -> None:
        self.directory.put(Entry(bench.registered()))

    def stored(self, bench: RadioBench) -> list[bytes]:
        return [row[3] for row in self.store.records(bench.address)]
