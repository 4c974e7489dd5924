"""`bluetooth` of the emulated chip, a peripheral's part of it: what the firmware uses, no more.

The BLE stack itself is C on a chip and takes none of the heap; here it runs outside, with the air
(`truewatt.emulator.ble`), and this module speaks to it in lines over a socket. A call sends its
name and arguments and waits for the answer, `= VALUE` or `- ERRNO`. Events come as `! EVENT
ARGUMENTS`, in order, and each is answered with what the handler returned, as on a chip, where the
stack waits for it too. Bytes are written as `x` and hexadecimal digits.
"""

from binascii import hexlify as _hexlify
from binascii import unhexlify as _unhexlify

import chip_host as _host
import chip_irq as _irq

FLAG_READ = 2
FLAG_WRITE_NO_RESPONSE = 4
FLAG_WRITE = 8
FLAG_NOTIFY = 16
FLAG_INDICATE = 32

_path = None
_unique_id = b""
_link = None
_received = b""
_events = []
_ble = None
_serving = False


class UUID:
    """128 bits as text, or 16 as a number."""

    def __init__(self, value):
        if isinstance(value, int):
            value = "%08x-0000-1000-8000-00805f9b34fb" % value
        if len(value) != 36:
            raise ValueError("invalid UUID")
        self._text = value.lower()


class BLE:
    """The one BLE interface: every call returns the same."""

    def __new__(cls):
        global _ble
        if _ble is None:
            _ble = object.__new__(cls)
            _ble._handler = None
        return _ble

    def active(self, active=None):
        """Power the radio, or say whether it is."""
        global _link
        if active is None:
            return _link is not None
        if active and _link is None:
            _link = _host.connect_unix(_path)
            _irq.listen(_link, _serve)
            _call("hello", _unique_id)
        elif not active and _link is not None:
            raise NotImplementedError("a radio that is switched off again is not emulated")
        return None

    def config(self, *param, **kwargs):
        """Set values."""
        if param:
            raise NotImplementedError("values are set here, not read")
        for key, value in kwargs.items():
            if key not in ("gap_name", "mtu", "rxbuf", "bond", "mitm", "io", "le_secure"):
                raise ValueError("unknown config param")
            _call("config", key, value.encode() if isinstance(value, str) else int(value))

    def irq(self, handler):
        """Have `handler(event, data)` told."""
        self._handler = handler

    def gatts_register_services(self, services_definition):
        """Offer services of (uuid, ((uuid, flags), ...)); the value handles."""
        handles = []
        for service, rows in services_definition:
            _call("service", service._text)
            handles.append(tuple(_call("char", row[0]._text, row[1]) for row in rows))
        return tuple(handles)

    def gatts_set_buffer(self, value_handle, len, append=False):
        """Room for a value."""
        _call("buffer", value_handle, len, int(append))

    def gatts_read(self, value_handle):
        """A local value."""
        return _call("read", value_handle)

    def gatts_write(self, value_handle, data, send_update=False):
        """Set a local value."""
        _call("write", value_handle, data, int(send_update))

    def gatts_notify(self, conn_handle, value_handle, data=None):
        """Notify a central, subscribed or not."""
        _call("notify", conn_handle, value_handle, data)

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        """Advertise, or stop (None)."""
        interval_us = 0 if interval_us is None else interval_us
        _call("advertise", interval_us, adv_data, resp_data, int(connectable))

    def gap_disconnect(self, conn_handle):
        """End a connection; whether there was one."""
        return bool(_call("disconnect", conn_handle))

    def gap_passkey(self, conn_handle, action, passkey):
        """Answer a passkey action."""
        _call("passkey", conn_handle, action, passkey)


def _coded(value):
    if value is None:
        return "-"
    if isinstance(value, (int, str)):
        return str(value)
    return "x" + _hexlify(value).decode()


def _decoded(word):
    if word == "-":
        return None
    return _unhexlify(word[1:]) if word[0] == "x" else int(word)


def _send(*words):
    _link.setblocking(True)
    _link.send((" ".join(_coded(word) for word in words) + "\n").encode())


def _call(*words):
    """Say it and wait for the answer; events that come first are served after it."""
    if _link is None:
        raise OSError(19)  # ENODEV, as the stack says while it is not active
    _send(*words)
    while True:
        kind, value = _line()
        if kind == "!":
            _events.append(value)
            continue
        # What came with the answer makes nothing readable any more.
        while b"\n" in _received:
            _events.append(_line()[1])
        _serve_waiting()
        if kind == "=":
            return _decoded(value)
        raise OSError(int(value))


def _line():
    """The next line as (kind, rest)."""
    global _received
    _link.setblocking(True)
    while b"\n" not in _received:
        data = _link.recv(512)
        if not data:
            print("bluetooth: the air is gone")
            _host.leave(_host.EXIT_EXCEPTION)
        _received += data
    line, _received = _received.split(b"\n", 1)
    kind, rest = line.decode().split(" ", 1)
    return kind, rest


def _serve_waiting():
    global _serving
    if _serving:
        return  # whoever is at it goes on with the next
    _serving = True
    while _events:
        words = _events.pop(0).split(" ")
        result = None
        if _ble._handler is not None:
            # Handlers get memoryviews of the stack's buffers.
            data = [_decoded(word) for word in words[1:]]
            data = tuple([memoryview(d) if isinstance(d, bytes) else d for d in data])
            result = _ble._handler(int(words[0]), data)
        _send("r", int(result) if isinstance(result, bool) else result)
    _serving = False


def _serve():
    """What the stack has to tell, while the firmware waits."""
    while True:
        kind, value = _line()
        if kind == "!":
            _events.append(value)
        _serve_waiting()
        if not _received and not _host.unread(_link.fileno()):
            return
