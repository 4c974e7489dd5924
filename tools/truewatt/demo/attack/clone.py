"""A cloned board: flash and NVS copied, run as a second board under the same key."""

from __future__ import annotations

import os
import select
import shutil
import threading
import time

from ledger.clock import ENV
from ledger.contracts import metering
from ledger.contracts.objects import FROZEN, Device, Evidence, unpack
from ledger.contracts.registry import DEVICE
from truewatt.demo.attack.base import LEDGER, ON_THE_BUS, Attack
from truewatt.demo.attack.scene import Scene
from truewatt.demo.attack.verdict import NOTHING
from truewatt.emulator.board import BoardSpec, EmulatedBoard
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.pins import PinSocket
from truewatt.emulator.wires.pzem import PzemLine, PzemModule
from truewatt.emulator.wires.tty import Tty
from truewatt.hostile.wiretap import reply_bytes

_REPLY_S = 0.4
_COPIED = ("flash.bin", "nvs.json")


class Twin:
    """A second board on the state of the first, with metering modules that count nothing."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene, self._name = scene, name
        self.folder = scene.site.run_dir / "cloned" / name
        self._line = Tty(self.folder / "tty" / "uart1")
        self._modules = Tty(self.folder / "tty" / "uart2")
        self._pins = PinSocket(self.folder / "pins", lambda pin, level: None)
        self._board: EmulatedBoard | None = None
        self._asked, self._gone = threading.Lock(), False

    def copy(self) -> None:
        """Read out flash and NVS of the board, which is off for as long as that takes."""
        source = self._scene.site.run_dir / "boards" / self._name
        target = self.folder / "board"
        target.mkdir(parents=True)
        for file in _COPIED:
            shutil.copyfile(source / file, target / file)

    def start(self) -> None:
        """Power it on."""
        self._scene.call(self._wire_up())
        spec = BoardSpec(
            name=self._name,
            uart1=self._line.path,
            uart2=self._modules.path,
            pins=self.folder / "pins",
            arch=self._scene.site.scenario.arch,
        )
        environment = {ENV: self._scene.clock.to_env()}
        self._board = EmulatedBoard(self.folder / "board", spec, environment)
        self._board.start()

    async def _wire_up(self) -> None:
        await self._pins.open()
        modules = [PzemModule(address, Channel()) for address in (1, 2)]
        self._meters = PzemLine(self._modules, modules, False, self._scene.clock)
        self._meters.attach()

    def answer(self, request: bytes) -> bytes:
        """What it says to a request on its bus; nothing once it is taken away."""
        # The tap asks from a thread of its own: the line must not be closed under it.
        with self._asked:
            return b"" if self._gone else self._reply(request)

    def _reply(self, request: bytes) -> bytes:
        self._line.read()
        self._line.write(request)
        reply, end_s = b"", time.monotonic() + _REPLY_S
        while len(reply) < reply_bytes(reply) and (left_s := end_s - time.monotonic()) > 0:
            if select.select([self._line.fd], [], [], left_s)[0]:
                reply += os.read(self._line.fd, 1024)
        return reply

    def close(self) -> None:
        """Take it away."""
        if self._board is not None:
            self._board.kill()

        async def unplug() -> None:
            self._meters.detach()
            self._pins.close()

        self._scene.call(unplug())
        with self._asked:
            self._gone = True
            self._line.close()
        self._modules.close()


class ClonedBoard(Attack):
    """Two boards with one key sign two histories."""

    name = "cloned-board"
    holds = ON_THE_BUS + ", and a copy of a board's flash and NVS"
    does = "Runs the copy in the board's place, with modules that count nothing, to pay less."
    stopped_by = "Two histories under one key contradict each other; the ledger freezes the board."
    spoils = True

    def run(self) -> None:
        scene = self.scene
        board = scene.meters[-1]
        scene.set_aside[board] = "cloned on purpose: frozen on the ledger"
        twin = Twin(scene, board)
        try:
            self._steal(twin, board)
            self._contradict(twin, board)
        finally:
            twin.close()
        scene.honest()
        self._frozen(board)
        for other in scene.meters[:1]:
            self.goes_on(other)
            self.result.kept.append(f"{other}: a board beside it, records go on")
        self.result.consequences.append(
            f"{board} is frozen with both records as evidence; its readings count up to there,"
            " and a person decides"
        )

    def _steal(self, twin: Twin, board: str) -> None:
        """The power goes for a moment; then the true board runs on, in its next epoch."""
        scene = self.scene
        scene.restarts_meant[board] = scene.restarts_meant.get(board, 0) + 1
        epoch = scene.head(board)[0]
        scene.supervisor.parts[board].kill()
        twin.copy()
        scene.until(lambda: scene.head(board) > (epoch + 1, 1), f"{board} to run on")

    def _contradict(self, twin: Twin, board: str) -> None:
        scene = self.scene
        before = scene.refusals()
        twin.start()
        scene.tap_of(board).impostors[scene.bus_address(board)] = twin.answer
        grown = scene.until(
            lambda: [n for n, c in scene.refusals().items() if c > before.get(n, 0)],
            "the second history",
        )
        self.note(
            "the clone's record as the next", "broken_chain", " + ".join(grown), "gateway, refusals"
        )

    def _frozen(self, board: str) -> None:
        scene = self.scene
        address = scene.device[board]

        def evidence() -> Evidence | None:
            answer = scene.query(metering.EVIDENCE + address)
            return unpack(Evidence, answer.value) if answer.value else None

        found = scene.until(evidence, "the evidence on the ledger")
        device = unpack(Device, scene.query(DEVICE + address).value)
        seen = metering.ADMISSION[found.reason] if device.status == FROZEN else NOTHING
        self.note(
            "both records, on the ledger", metering.ADMISSION[metering.BROKEN_PREV], seen, LEDGER
        )
        self.notice("the board, from then on", "revoked_board", lambda: None)
