"""The board's records to the gateway over BLE, and the gateway's frames to the board's gate.

The journal is the queue. Records go out in their order, as many as the gateway has granted; from
the last signed ack on they go again with each connection, and when no ack comes. One central at a
time: who pairs with the passkey, then says that it listens, then has something genuine to say. Who
does not is dropped, so that no stranger keeps the gateway out.
"""

import asyncio
import struct

from core.errors import NotProvisioned
from core.log import log
from links import board_status
from wireformat import ble_map, modbus_map
from wireformat.control import Ack, Beacon, Command

PAIR_MS = 30000
"""A central that has not authenticated itself by then is dropped."""

BEGIN_MS = 60000
"""One that has not begun to listen by then, too."""

QUIET_MS = 180000
"""And one from which nothing genuine and new came for that long: no ack, time or command."""

_STEP_MS, _ALONE_MS, _AGAIN_MS = 40, 250, 1000
_AT_ONCE = 4
_STATUS_MS, _STATUS_UNTRUSTED_MS, _STATUS_LEAST_MS = 60000, 10000, 200
_RESEND_FIRST_MS, _RESEND_MOST_MS = 20000, 600000
_PAUSE_FIRST_MS, _PAUSE_MOST_MS = 2000, 300000


class BleLink:
    """`inbox` is this link's own, `radio` a `Radio`, `config` the "ble" settings."""

    def __init__(self, node: object, inbox: object, radio: object, config: object) -> None:
        self._node = node
        self._inbox = inbox
        self._radio = radio
        self._config = config
        self._journal = node.chain.journal
        self.strangers = 0
        self.dropped = 0
        inbox.finished = self._finished
        self._pause_ms = _PAUSE_FIRST_MS
        self._ended = self._found_ms = 0
        self._fates = bytes(2 * modbus_map.INBOX_STATUS_WORDS)
        self._begin(0, 0)

    async def run(self) -> None:
        """Be there for the gateway for ever."""
        radio, clock = self._radio, self._node.clock
        radio.start()
        while True:
            self._node.liveness.beat("ble")
            now_ms = clock.up_ms()
            if radio.connection is None:
                self._alone(now_ms)
                await asyncio.sleep_ms(_ALONE_MS)
                continue
            if radio.count != self._count:
                self._begin(radio.count, now_ms)
            self._serve(now_ms)
            await asyncio.sleep_ms(_STEP_MS)

    def _alone(self, now_ms: int) -> None:
        """Be found again, after a rest if the last connection earned one."""
        radio = self._radio
        if radio.count != self._ended:
            self._ended = radio.count
            self._found_ms = now_ms + self._rest_ms()
        if not radio.found and now_ms >= self._found_ms:
            self._found_ms = now_ms + _AGAIN_MS
            radio.advertise(self._config.adv_ms)

    def _begin(self, count: int, now_ms: int) -> None:
        self._count = count
        self._since_ms = self._genuine_ms = self._said_ms = self._acked_ms = now_ms
        self._acked = self._cursor = self._journal.acked
        self._resend_ms = _RESEND_FIRST_MS
        self._listens = self._gone = self._told = False
        self._owed_status = True
        self._credit = 0

    def _rest_ms(self) -> int:
        """How long not to be found after a connection: failed pairings make it grow.

        The passkey is on a label and stays the same: each try tells who asks at least one of its
        20 bits (Core 5.4, Vol 3 H 2.3.5.6.3).
        """
        if not self._radio.unpaired:
            self._pause_ms = _PAUSE_FIRST_MS
            return 0
        self._pause_ms = min(2 * self._pause_ms, _PAUSE_MOST_MS)
        log("ble", "pairing failed; not to be found for %d s" % (self._pause_ms // 1000))
        return self._pause_ms

    # ---- one look ----------------------------------------------------------------------------

    def _serve(self, now_ms: int) -> None:
        fault = self._fault(now_ms)
        if fault:
            if not self._gone:
                log("ble", fault)
                self._gone = True
                self.strangers += 1
                self._radio.drop()
            return
        for handle, data in self._radio.take():
            self._written(handle, data)
        if self._listens:
            # Who it is first: the gateway looks a board up before it judges its records.
            self._tell(now_ms)
            self._send(now_ms)

    def _fault(self, now_ms: int) -> "str | None":
        """Why this central has to go."""
        radio = self._radio
        if not radio.secure:
            return "dropped: not paired" if now_ms - self._since_ms > PAIR_MS else None
        if not self._listens:
            return "dropped: does not listen" if now_ms - self._since_ms > BEGIN_MS else None
        if radio.mtu < ble_map.MIN_MTU:
            return "dropped: MTU %d, at least %d" % (radio.mtu, ble_map.MIN_MTU)
        if now_ms - self._genuine_ms > QUIET_MS:
            return "dropped: nothing genuine from it"
        return None

    # ---- what comes in -----------------------------------------------------------------------

    def _written(self, handle: int, data: bytes) -> None:
        if handle == self._radio.go:
            if len(data) != ble_map.GO_BYTES:
                self.dropped += 1
                return
            self._credit = min(data[0] << 8 | data[1], ble_map.MAX_CREDIT)
            self._listens = True
        elif self._inbox.put(data):
            self.dropped += 1
            self._owed_status = True

    def _finished(self, entry: object) -> None:
        """Tell of each frame's end, but not of acks: the next record tells as much."""
        code, acked = entry.code, self._journal.acked
        genuine = code == Beacon.CODE or code == Command.CODE or acked > self._acked
        if genuine and not entry.reason:
            self._genuine_ms = self._node.clock.up_ms()
        if code == Ack.CODE and not entry.reason:
            return
        # In the order of their ends: by their beginning, a flood of others would push it out. The
        # first place is of the last that came with a ticket.
        fate = struct.pack(">HHH", entry.frame_id, entry.status, entry.reason)
        kept = 0 if entry.rank > 1 else len(fate)
        self._fates = self._fates[:kept] + fate + self._fates[kept : -len(fate)]
        self._owed_status = True
        if code == Command.CODE:
            self._told = False

    # ---- what goes out -----------------------------------------------------------------------

    def _send(self, now_ms: int) -> None:
        """Records behind the cursor, while credit and the stack's room last."""
        chain = self._node.chain
        if self._journal.acked != self._acked or not self._journal.unacked:
            self._acked, self._acked_ms = self._journal.acked, now_ms
            self._resend_ms = _RESEND_FIRST_MS
        elif now_ms - self._acked_ms > self._resend_ms:
            self._cursor, self._acked_ms = self._acked, now_ms
            self._resend_ms = min(2 * self._resend_ms, _RESEND_MOST_MS)
        for _ in range(_AT_ONCE):
            if not self._credit or self._cursor >= (chain.epoch, chain.next_seq - 1):
                return
            found = self._journal.find(self._cursor[0], self._cursor[1] + 1)
            if found is None or not self._radio.notify(
                self._radio.rec, bytes((found[0],)) + found[2]
            ):
                return
            self._cursor = found[1]
            self._credit -= 1

    def _tell(self, now_ms: int) -> None:
        rest_ms = _STATUS_MS if self._node.clock.trusted() else _STATUS_UNTRUSTED_MS
        if self._owed_status:
            rest_ms = _STATUS_LEAST_MS if self._told else 0
        if now_ms - self._said_ms < rest_ms:
            return
        self._said_ms = now_ms
        if self._radio.notify(self._radio.out, self._status()):
            self._owed_status, self._told = False, True

    def _status(self) -> bytes:
        dropped = min(self.dropped + self._radio.dropped, 0xFFFF)
        counters = min(self.strangers, 0xFFFF) << 16 | dropped
        status = board_status.block(self._node, self._inbox)
        return status + self._fates + counters.to_bytes(4, "big")


def ble_link(node: object, inbox: object) -> BleLink:
    """Serves `node` over BLE; frames go to `inbox`."""
    from links.ble_bonds import Bonds
    from links.ble_radio import Radio

    name = ble_map.name(node.owner.address)
    passkey = node.store.number("passkey", -1)
    if passkey < 0:
        raise NotProvisioned("no BLE passkey on this board", "NVS key passkey", "provision it")
    radio = Radio(node.board.bluetooth(), name, passkey, Bonds(node.store))
    return BleLink(node, inbox, radio, node.config.ble)
