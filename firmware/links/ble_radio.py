"""The board's BLE radio: one central at a time, and nothing for it before it knows the passkey.

The stack calls `_irq` at any moment; it only notes down what happened. `BleLink` looks at the notes
a few times a second, in the event loop.
"""

from core.log import log
from wireformat import ble_map

# What the stack tells (MicroPython, `bluetooth`, "Event Handling").
_CENTRAL_CONNECT, _CENTRAL_DISCONNECT, _GATTS_WRITE = 1, 2, 3
_MTU_EXCHANGED, _ENCRYPTION_UPDATE, _GET_SECRET, _SET_SECRET = 21, 28, 29, 30
_PASSKEY_ACTION, _DISPLAY = 31, 3
_DISPLAY_ONLY = 0
_NOTIFY = 0x0010
# Write with response, from an encrypted link whose pairing was authenticated.
_WRITE = 0x0008 | 0x1000 | 0x2000
_KEY_BYTES = 16

# Flags: general discoverable, no BR/EDR; then the service's 128 bits, low byte first.
_ADV_HEAD = b"\x02\x01\x06\x11\x07"
_NAME_HEAD = 9

MAX_NOTES = 8
"""Writes that wait for the event loop; a central that sends more waits for nothing."""

DEFAULT_MTU = 23


class Radio:
    """`bluetooth` is the module of that name, `bonds` a `Bonds`, `passkey` the label's."""

    def __init__(self, bluetooth: object, name: str, passkey: int, bonds: object) -> None:
        self._bluetooth = bluetooth
        self._ble = bluetooth.BLE()
        self._name = name
        self._passkey = passkey
        self._bonds = bonds
        self.connection = None
        # How many centrals have come, and whether the next one can.
        self.count = 0
        self.found = False
        self.mtu = DEFAULT_MTU
        self.secure = False
        self.unpaired = False
        self.notes = []
        self.dropped = 0

    def start(self) -> None:
        """Power it and say what it offers."""
        ble, uuid = self._ble, self._bluetooth.UUID
        ble.active(True)
        ble.config(gap_name=self._name, mtu=ble_map.MTU)
        ble.config(bond=True, mitm=True, le_secure=True, io=_DISPLAY_ONLY)
        ble.irq(self._irq)
        rows = (
            (uuid(ble_map.REC), _NOTIFY),
            (uuid(ble_map.OUT), _NOTIFY),
            (uuid(ble_map.IN), _WRITE),
            (uuid(ble_map.GO), _WRITE),
        )
        ((self.rec, self.out, self.inbox, self.go),) = ble.gatts_register_services(
            ((uuid(ble_map.SERVICE), rows),)
        )
        # As it is (20 bytes), all that is longer would be cut without a word.
        ble.gatts_set_buffer(self.inbox, ble_map.MAX_WRITE_BYTES)

    def advertise(self, interval_ms: int) -> None:
        """Be found, and connectable, until somebody connects."""
        service = bytes.fromhex(ble_map.SERVICE.replace("-", ""))
        name = self._name.encode()
        # Before the call: who connects at once takes it back.
        self.found = True
        try:
            self._ble.gap_advertise(
                interval_ms * 1000,
                _ADV_HEAD + bytes(reversed(service)),
                resp_data=bytes((len(name) + 1, _NAME_HEAD)) + name,
            )
        except OSError as error:
            self.found = False
            log("ble", "can't advertise: %s" % error)

    def drop(self) -> None:
        """End the connection, if there is one."""
        if self.connection is not None:
            self._ble.gap_disconnect(self.connection)

    def notify(self, handle: int, data: bytes) -> bool:
        """Send; False if the stack has no room, or the connection went away."""
        try:
            self._ble.gatts_notify(self.connection, handle, data)
        except (OSError, TypeError):
            return False
        return True

    def take(self) -> list:
        """What was written since the last call: (handle, bytes)."""
        notes, self.notes = self.notes, []
        return notes

    # ---- called by the stack -----------------------------------------------------------------

    def _irq(self, event: int, data: tuple) -> object:
        if event == _GATTS_WRITE:
            self._written(data[0], data[1])
        elif event == _GET_SECRET or event == _SET_SECRET:
            return self._secret(event, data)
        elif event == _PASSKEY_ACTION:
            self._ask(data[0], data[1])
        elif event == _ENCRYPTION_UPDATE:
            self._encrypted(*data)
        elif event == _MTU_EXCHANGED:
            if data[0] == self.connection:
                self.mtu = data[1]
        elif event == _CENTRAL_CONNECT:
            self._connected(data[0])
        elif event == _CENTRAL_DISCONNECT:
            if data[0] == self.connection:
                self.connection = None
            # One that failed at its start is told in this way too; the advertising is over.
            self.found = False
        return None

    def _secret(self, event: int, data: tuple) -> object:
        # What the stack hands over lies in its own buffers.
        if event == _GET_SECRET:
            kind, index, key = data
            return self._bonds.get(kind, index, None if key is None else bytes(key))
        kind, key, value = data
        return self._bonds.set(kind, bytes(key), None if value is None else bytes(value))

    def _connected(self, connection: int) -> None:
        if self.connection is not None:
            self._ble.gap_disconnect(connection)
            return
        self.count += 1
        self.found = False
        self.mtu = DEFAULT_MTU
        self.secure = self.unpaired = False
        self.notes = []
        self.connection = connection

    def _ask(self, connection: int, action: int) -> None:
        # Until it is over, the pairing counts as failed.
        self.unpaired = True
        if action == _DISPLAY:
            self._ble.gap_passkey(connection, action, self._passkey)
        else:
            self._ble.gap_disconnect(connection)

    def _encrypted(
        self, connection: int, encrypted: bool, authenticated: bool, bonded: bool, size: int
    ) -> None:
        if connection != self.connection:
            return
        self.secure = bool(encrypted and authenticated and size >= _KEY_BYTES)
        if self.secure:
            self.unpaired = False
        elif encrypted:
            # Paired without the passkey: a stack agrees to that with whoever has no keys.
            log("ble", "a central without the passkey")
            self._ble.gap_disconnect(connection)

    def _written(self, connection: int, handle: int) -> None:
        data = self._ble.gatts_read(handle)
        if connection != self.connection or not self.secure or len(self.notes) >= MAX_NOTES:
            self.dropped += 1
            return
        self.notes.append((handle, data))
