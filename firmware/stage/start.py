"""Which of the two slots a start runs: /stage/start.mpy of a board, for the /main.py that asks.

NVS key "slot", 14 bytes in one blob, so that each change is one write that a power cut does or
undoes whole (update/slots.py is the firmware's view of the same):

    0 layout (1)   1 active slot   2 is the other on trial   3 starts of the trial
    4 report: why the firmware before runs again (codes.RB_*), 255 confirmed, 0 nothing to tell
    5 must the gateway be heard    6..9 roll-back index confirmed    10..13 that of the trial
"""

import os
import sys

import machine
from esp32 import NVS

STARTS = 3
"""So often may new firmware start without being confirmed; a power cut is not its fault."""
_SIZE = 14
_LAYOUT = 1
_STARTS, _CRASH, _WATCHDOG, _HALF = 1, 2, 3, 6  # as codes.RB_*
_NVS_NAMESPACE = "tw"


def choose() -> "bool | None":
    """Put the slot to run on the path; whether it is on trial, None if there is nothing to run."""
    nvs = NVS(_NVS_NAMESPACE)
    state = _read(nvs)
    slot = state[1]
    if state[2]:
        why = _fault(state)
        if why:
            _roll_back(nvs, state, why)
        else:
            state[3] += 1
            _write(nvs, state)
            slot ^= 1
    if not _whole(slot):
        slot ^= 1
        if not _whole(slot):
            print("start: no whole firmware in either slot: truewatt device flash")
            return None
    # Nothing of the other slot, nor a folder of records, may stand before a module.
    sys.path[:] = ["/" + "ab"[slot], ".frozen", ""]
    return state[2] != 0 and slot != state[1]


def crashed() -> None:
    """New firmware ended: run the one before again."""
    nvs = NVS(_NVS_NAMESPACE)
    state = _read(nvs)
    if state[2]:
        _roll_back(nvs, state, _CRASH)
    machine.reset()


def _fault(state: bytearray) -> int:
    """Why the trial is over, 0 if it is not."""
    if not _whole(state[1] ^ 1):
        return _HALF
    if state[3]:
        cause = machine.reset_cause()
        if cause == machine.WDT_RESET:
            return _WATCHDOG
        if cause not in (machine.PWRON_RESET, machine.DEEPSLEEP_RESET):
            return _CRASH
    return _STARTS if state[3] >= STARTS else 0


def _roll_back(nvs: NVS, state: bytearray, why: int) -> None:
    print("start: back to the firmware before, reason %d" % why)
    state[2] = state[3] = 0
    state[4] = why
    _write(nvs, state)


def _whole(slot: int) -> bool:
    """Whether the slot's manifest is there: it is written last and removed first."""
    try:
        os.stat("/%s/firmware.json" % "ab"[slot])
    except OSError:
        return False
    return True


def _read(nvs: NVS) -> bytearray:
    state = bytearray(_SIZE)
    try:
        if nvs.get_blob("slot", state) == _SIZE and state[0] == _LAYOUT and state[1] < 2:
            return state
    except OSError:
        pass  # a new board, or one that was reset
    state = bytearray(_SIZE)
    state[0] = _LAYOUT
    return state


def _write(nvs: NVS, state: bytearray) -> None:
    try:
        nvs.set_blob("slot", state)
        nvs.commit()
    except OSError as error:
        print("start: NVS refused:", error)
