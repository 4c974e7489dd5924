"""What every attack is: a name, what the adversary holds, what is tried, what must be seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from gateway.admit.chain import follows
from truewatt.demo.attack.scene import NotSeen, Scene
from truewatt.demo.attack.verdict import TAKEN, Result, Try, only_name
from truewatt.hostile import forgery, intruder
from wireformat import codes
from wireformat.chained import Chained

ON_THE_BUS = "the cable between gateway and boards"
ON_THE_NETWORK = "the network between gateway and ledger"

GATEWAY, INBOX, MODBUS = "gateway, refusals", "board, inbox status", "board, Modbus exception"
NOTICE, LEDGER, ADMISSION = "gateway, notices", "ledger, result code", "ledger, admission code"


class Attack:
    """One adversary at work. `run` notes what it tried and saw in `self.result`.

    `spoils`: leaves a board or key behind that is out of service, so it goes last.
    """

    name: ClassVar[str]
    holds: ClassVar[str]
    does: ClassVar[str]
    stopped_by: ClassVar[str]
    spoils: ClassVar[bool] = False

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.result = Result(self.name, self.holds)

    def run(self) -> None:
        """Attack, and leave lines and network as they were. May raise NotSeen."""
        raise NotImplementedError

    # ---- noting --------------------------------------------------------------------------------

    def note(self, what: str, expected: str, seen: str, where: str) -> None:
        """Put down an attempt."""
        self.result.tries.append(Try(what, expected, seen, where))

    def harm_if(self, broken: bool, what: str) -> None:
        """Put down what no attack may do, if it did."""
        if broken:
            self.result.harm.append(what)

    # ---- the inbox -----------------------------------------------------------------------------

    def frame(self, what: str, reason: int, board: str, code: int, data: bytes) -> None:
        """A frame that the board must refuse for `reason` (codes.R_*)."""
        found = intruder.insist(self.scene, board, code, data)
        self.note(what, codes.REASONS[reason], fate_name(found), INBOX)

    # ---- readings ------------------------------------------------------------------------------

    def window(self, what: str, expected: str, board: str, change: Change) -> None:
        """Show changed records in a board's window until the gateway refuses them by a name."""
        scene, tap = self.scene, self.scene.tap_of(board)
        before = scene.refusals()
        tap.on_reply = intruder.in_window(scene.bus_address(board), change)
        try:
            grown = scene.until(lambda: grown_since(before, scene.refusals()), expected)
        except NotSeen:
            grown = []
        tap.honest()
        self.note(what, expected, only_name(grown), GATEWAY)
        self.goes_on(board)

    def goes_on(self, board: str, by: int = 1) -> None:
        """Wait until true records of a board come in again, on the chain as it was."""
        scene = self.scene
        before = len(scene.held(board))
        scene.until(lambda: len(scene.held(board)) >= before + by, f"records of {board} to go on")
        self.harm_if(not unbroken(scene, board), f"the chain of {board} in the store has a hole")

    # ---- names ---------------------------------------------------------------------------------

    def notice(self, what: str, expected: str, does: Callable[[], None]) -> None:
        """Do something until the gateway says what is wrong, by the name `expected`."""
        scene = self.scene
        before = scene.status()["notice_counts"]
        does()
        try:
            scene.until(
                lambda: (
                    expected in scene.notices().values()
                    and expected in grown_since(before, scene.status()["notice_counts"])
                ),
                expected,
            )
            seen = expected
        except NotSeen:
            seen = only_name(grown_since(before, scene.status()["notice_counts"]))
        self.note(what, expected, seen, NOTICE)

    def quiet(self, code: str) -> None:
        """Wait until a notice is over."""
        scene = self.scene
        scene.until(lambda: code not in scene.notices().values(), f"{code} to be over")


Change = Callable[[int, bytes], tuple[int, bytes]]
"""From (type code, record) in a window to what is shown there."""


def fate_name(fate: intruder.Fate) -> str:
    """What became of a frame, in the words of the wire format."""
    state, reason = fate
    return TAKEN if state == codes.INBOX_ACCEPTED else codes.REASONS.get(reason, str(reason))


def grown_since(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """Names whose counters have grown."""
    return [name for name, count in now.items() if count > before.get(name, 0)]


def unbroken(scene: Scene, board: str) -> bool:
    """Whether the store holds each record of a board once, each right behind the one before."""
    before: tuple[int, int] | None = None
    for code, data in scene.held(board):
        record = forgery.opened(code, data, scene.chain_id)
        assert isinstance(record, Chained)
        at = (record.epoch, record.seq)
        if before is not None and not follows(before, at):
            return False
        before = at
    return True


def carry_out(attack: Attack) -> Result:
    """Run an attack; whatever goes wrong in it becomes part of its result."""
    scene, result = attack.scene, attack.result
    started, ended_before = time.monotonic(), scene.unexpected_restarts()
    try:
        attack.run()
    except (NotSeen, TimeoutError) as error:
        result.harm.append(f"not completed: {error or type(error).__name__}")
    finally:
        scene.honest()
    for part in grown_since(ended_before, scene.unexpected_restarts()):
        result.harm.append(f"{part} ended by itself")
    result.seconds = time.monotonic() - started
    return result
