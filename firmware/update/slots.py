"""The two slots as running firmware sees them; stage/start.py, which chooses, says the layout.

Loaded only while there is something to do: an update, a trial, or the report of one.
"""

import sys

KEY = "slot"
_SIZE = 14
_LAYOUT = 1
CONFIRMED = 255


class Slots:
    """The slots' state in `store`; each change is one write of one value."""

    def __init__(self, store: object) -> None:
        self._store = store
        state = bytearray(store.blob(KEY))
        if len(state) != _SIZE or state[0] != _LAYOUT:
            state = bytearray(_SIZE)
            state[0] = _LAYOUT
            state[1] = 1 if sys.path[0] == "/b" else 0
        self._state = state

    @property
    def on_trial(self) -> bool:
        """Whether the other slot's firmware is being tried."""
        return self._state[2] != 0

    @property
    def must_hear(self) -> bool:
        """Whether the trial needs an authentic frame from the gateway."""
        return self._state[5] != 0

    @property
    def report(self) -> int:
        """What is still to be told: codes.RB_*, CONFIRMED, or 0."""
        return self._state[4]

    @property
    def floor(self) -> int:
        """The highest roll-back index that was confirmed here."""
        return int.from_bytes(self._state[6:10], "big")

    @property
    def index(self) -> int:
        """Roll-back index of the last firmware that was tried."""
        return int.from_bytes(self._state[10:14], "big")

    def arm(self, index: int, must_hear: bool) -> None:
        """Have the next start try the other slot. Raises `StorageError`."""
        self._state[10:14] = index.to_bytes(4, "big")
        self._set(trial=1, report=0, must_hear=1 if must_hear else 0)

    def end_trial(self) -> None:
        """No trial any more: the other slot is about to change. Raises `StorageError`."""
        if self.on_trial:
            self._set()

    def confirm(self) -> None:
        """What was on trial is the board's firmware. Raises `StorageError`."""
        self._state[1] ^= 1
        self._state[6:10] = max(self.floor, self.index).to_bytes(4, "big")
        self._set(report=CONFIRMED)

    def roll_back(self, why: int) -> None:
        """The next start runs the firmware before. Raises `StorageError`."""
        self._set(report=why)

    def reported(self) -> None:
        """The report was told. Raises `StorageError`."""
        self._set()

    def _set(self, trial: int = 0, report: int = 0, must_hear: int = 0) -> None:
        self._state[2] = trial
        self._state[3] = 0
        self._state[4] = report
        self._state[5] = must_hear
        self._store.commit(slot=bytes(self._state))
