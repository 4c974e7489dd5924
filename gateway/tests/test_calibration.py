"""A board that counts otherwise than it was enrolled is told by name, once, until it is over."""

import pytest

from gateway.admit import Admission, ChainState, Rules
from gateway.calibration import CalibrationWatch
from gateway.notices import Notices
from gateway.tests.signing import CHAIN, T0, SigningBoard
from ledger.clock import Clock
from wireformat import codes

NOW_MS = (T0 + 100) * 1000
ENROLLED = bytes(range(32))
SAME, OTHER = (0x00010203, 0x04050607), (0x00010203, 0x04050608)


@pytest.fixture
def watched():
    """(board, notices, what admits its next record)."""
    meter, notices = SigningBoard(), Notices()
    board = meter.board(calibration=ENROLLED)
    admission = Admission(CHAIN, Rules(), {board.kid: board}.get)
    admission.on_event = CalibrationWatch(notices, Clock.system())
    held = {}

    def admit(record=None):
        code, data = meter.add(record)
        state = ChainState(held.get("head"), lambda e, s: None)
        held["head"] = admission.admit(board, state, code, data, NOW_MS).head

    return meter, notices, admit


def test_the_enrolled_calibration_is_no_news(watched):
    meter, notices, admit = watched
    admit(meter.event(detail=(1, *SAME)))
    admit()
    assert notices.open() == {}


def test_another_is_told_until_the_board_shows_what_was_enrolled(watched):
    meter, notices, admit = watched
    admit(meter.event(detail=(1, *OTHER)))
    ((key, notice),) = notices.open().items()
    assert key == f"{meter.address.hex()} calibration"
    assert notice.error.code == "calibration_changed"
    assert "0001020304050608" in str(notice.error)
    assert "enrolled with 0001020304050607" in str(notice.error)
    admit()
    admit(meter.event(codes.EV_TAMPER, (1,)))
    assert len(notices.open()) == 1
    meter.boot()
    admit(meter.event(detail=(1, *SAME)))
    assert notices.open() == {}


def test_a_boot_that_shows_none_changes_nothing(watched):
    meter, notices, admit = watched
    admit(meter.event(detail=(1,)))
    assert notices.open() == {}
