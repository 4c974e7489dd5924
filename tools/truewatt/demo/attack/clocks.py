"""Attacks on time."""

from __future__ import annotations

from ledger import keys
from ledger.setup import seal
from truewatt.demo.attack.base import ON_THE_BUS, Attack
from truewatt.hostile import forgery, intruder
from truewatt.hostile.forgery import STRANGER
from wireformat import codes, identity
from wireformat.chained import Chained
from wireformat.control import Beacon

_HOUR_MS = 3_600_000
_MOST_OFF_S = 300
"""How far a board's time may be off at x60 on a busy machine, simulated: 5 s of real time."""


class TimeAttacks(Attack):
    """Beacons that are old, foreign or forged."""

    name = "time"
    holds = ON_THE_BUS + ", and a recording of it"
    does = "Plays beacons again, tells a board a time hours or years ahead, under several keys."
    stopped_by = "A beacon answers the board's fresh nonce, once, under the gateway's certificate."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        gateway = identity.kid(keys.public_key(scene.seeds["gateway"]))
        recorded = scene.until(
            lambda: intruder.caught(scene, board, Beacon.CODE), f"a beacon for {board}"
        )[-1]
        code, chain = Beacon.CODE, scene.chain_id
        self.frame("a beacon played again", codes.R_WRONG_NONCE, board, code, recorded)
        ahead = self._beacon(board, _HOUR_MS)
        own = seal(ahead, STRANGER, chain)
        self.frame("an hour ahead, own key", codes.R_UNKNOWN_KEY, board, code, own)
        forged = forgery.under_another_name(self._beacon(board, _HOUR_MS), gateway, chain)
        self.frame("an hour ahead, gateway's id", codes.R_BAD_SIGNATURE, board, code, forged)
        control = seal(self._beacon(board, _HOUR_MS), scene.seeds["control"], chain)
        self.frame("by the control key", codes.R_WRONG_ROLE, board, code, control)
        self.goes_on(board)
        off_s = abs(self._last_s(board) - scene.clock.unix_ms() // 1000)
        self.harm_if(off_s > _MOST_OFF_S, f"{board} is {off_s} s off")
        self.result.kept.append(f"{board}: its time is right, its readings are dated by it")

    def _beacon(self, board: str, ahead_ms: int) -> Beacon:
        nonce = intruder.status(self.scene, board).nonce
        return Beacon(nonce=nonce, time_ms=self.scene.clock.unix_ms() + ahead_ms)

    def _last_s(self, board: str) -> int:
        record = forgery.opened(*self.scene.held(board)[-1], self.scene.chain_id)
        assert isinstance(record, Chained)
        return record.time_s
