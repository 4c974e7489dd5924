"""Whether a board still counts as it was enrolled: its boots show its calibration's digest."""

from gateway.admit import Board
from gateway.errors import GatewayError
from gateway.notices import Notices
from ledger.clock import Clock
from ledger.contracts.metering import booted_with
from wireformat.chained import Event


class CalibrationChanged(GatewayError):
    """A board booted with another calibration than its enrolment names."""

    code = "calibration_changed"
    todo = "ask who calibrated it and by which reference; enrol it anew if that was right"


class CalibrationWatch:
    """To be told of boards' events; its notice stands until the board shows what was enrolled."""

    def __init__(self, notices: Notices, clock: Clock) -> None:
        self._notices, self._clock = notices, clock

    def __call__(self, board: Board, event: Event) -> None:
        shown = booted_with(event)
        if shown is None or not board.calibration:
            return
        key = f"{board.address.hex()} calibration"
        enrolled = board.calibration[: len(shown)]
        if shown == enrolled:
            self._notices.clear(key)
            return
        what = f"counts by calibration {shown.hex()}, enrolled with {enrolled.hex()}"
        error = CalibrationChanged(what, f"board {board.address.hex()}")
        self._notices.report(key, error, self._clock.unix_ms())
