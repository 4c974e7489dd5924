"""What can go wrong between the gateway and a board. The loop goes on after each."""

from gateway.errors import GatewayError
from wireformat import codes


class CollectError(GatewayError):
    """Base."""

    code = "collect_error"


class BusLost(CollectError):
    """The serial port is gone or can't be opened."""

    code = "bus_lost"
    todo = "check the adapter and its cable; the gateway tries again by itself"


class NoDriverEnable(BusLost):
    """The port can't switch an RS-485 transceiver by its RTS."""

    code = "no_driver_enable"
    todo = "leave out bus.rs485 (adapters that switch by themselves need none), or use another UART"


class NoReply(CollectError):
    """Not a byte came back in time."""

    code = "no_reply"
    todo = "check the board's power, its bus address and baud rate, and the A/B wires"


class GarbledReply(CollectError):
    """Bytes came back, but no frame with a good CRC."""

    code = "garbled_reply"
    todo = "check termination and shield; two boards on one address garble each other too"


class WrongReply(CollectError):
    """A sound frame that doesn't answer the question: a late one, or another map."""

    code = "wrong_reply"
    todo = "raise timeout_ms if it happens often"


class ModbusRefused(CollectError):
    """The device answered with a Modbus exception."""

    code = "modbus_exception"
    todo = "check that a Truewatt board is at this address"

    _BUSY = 6

    def __init__(self, what: str, where: str, exception: int) -> None:
        self.exception = exception
        super().__init__(what, where)

    @property
    def is_busy(self) -> bool:
        """Whether it said to ask again later: a board's queue of frames is full."""
        return self.exception == self._BUSY


class NotABoard(CollectError):
    """A Modbus device, but no Truewatt board, or one with another register map."""

    code = "not_a_board"
    todo = "take it out of the configuration, or update the board's firmware"


class UnknownBoard(CollectError):
    """A board that the registry doesn't hold in this gateway's area."""

    code = "unknown_board"
    todo = "enrol it in this area; nothing is read from it until then"


class RevokedBoard(CollectError):
    """A board that the registry holds as revoked or frozen."""

    code = "revoked_board"
    todo = "replace it, or let the operator look at the evidence on the ledger"


class BoardSwapped(CollectError):
    """Another board than before answers at this address."""

    code = "board_swapped"
    todo = "if nobody changed it on purpose, look at the site; records stay with their signer"


class TwoBoardsOnOneAddress(CollectError):
    """Answers of two boards come from one address."""

    code = "two_boards_on_one_address"
    todo = "give one of them another bus address; nothing is read from there until then"


class RecordsHeld(CollectError):
    """The board's next record is refused, so those behind it wait on the board."""

    code = "records_held"
    todo = "see the refusal's reason; the board keeps the records"


class FrameRefused(CollectError):
    """The board checked a frame (ack, command, certificate, beacon) and refused it."""

    code = "frame_refused"

    def __init__(self, kind: str, where: str, reason: int) -> None:
        self.reason = reason
        super().__init__(f"{kind}: {codes.REASONS.get(reason, str(reason))}", where)


class ClockUnsound(CollectError):
    """This gateway's clock lies before blocks that it has verified: boards get no time from it."""

    code = "clock_unsound"
    todo = "set this gateway's time (NTP): a Raspberry Pi starts without one"


class FrameLost(CollectError):
    """The board didn't say in time what became of a frame."""

    code = "frame_lost"
    todo = "it is sent again; the board may have restarted"


class BoardAbsent(CollectError):
    """The board that a command is for answers on no bus of this gateway at present."""

    code = "board_absent"
    todo = "check the board's power and address; the command is tried until it expires"


class InternalError(CollectError):
    """A visit or a command raised what nobody foresaw: a bug of ours, or of a package."""

    code = "internal_error"
    todo = "report it with the traceback in the log; the others on the bus are not held up"
