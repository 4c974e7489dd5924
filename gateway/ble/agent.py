"""Answers BlueZ when it asks for a passkey: an org.bluez.Agent1 (BlueZ doc/org.bluez.Agent.rst).

Capability KeyboardOnly: the board shows its passkey, on its label, and this side enters it. Every
other question is refused, so that nobody pairs with this gateway by asking for less.
"""

from collections.abc import Callable

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError

from gateway.ble.errors import BluetoothAbsent
from gateway.errors import GatewayError

_PATH, _AGENT, _MANAGER = "/org/truewatt/agent", "org.bluez.Agent1", "org.bluez.AgentManager1"
_REJECTED = "org.bluez.Error.Rejected"

Find = Callable[[str], int]
"""The passkey for a device's address `AA:BB:CC:DD:EE:FF`; raises a `GatewayError`."""


class Agent:
    """`open` before the first pairing; `refused` is why the last question got no passkey."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._bus: MessageBus | None = None
        self.refused: GatewayError | None = None

    @property
    def is_open(self) -> bool:
        """Whether BlueZ can ask."""
        return self._bus is not None and self._bus.connected

    async def open(self) -> None:
        """Register with BlueZ as its default agent. Raises `BluetoothAbsent`."""
        self.close()
        try:
            bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (OSError, AuthError, ValueError) as error:
            raise BluetoothAbsent(f"no message bus: {error}", "D-Bus") from error
        bus.add_message_handler(self._asked)
        self._bus = bus
        for member, signature, body in (
            ("RegisterAgent", "os", [_PATH, "KeyboardOnly"]),
            ("RequestDefaultAgent", "o", [_PATH]),
        ):
            reply = await bus.call(
                Message(
                    destination="org.bluez",
                    path="/org/bluez",
                    interface=_MANAGER,
                    member=member,
                    signature=signature,
                    body=body,
                )
            )
            if reply is None or reply.message_type is MessageType.ERROR:
                self.close()
                text = "" if reply is None else f"{reply.error_name}"
                raise BluetoothAbsent(f"{member}: {text}", "org.bluez")

    def close(self) -> None:
        """BlueZ forgets it."""
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None

    def _asked(self, message: Message) -> Message | None:
        if message.interface != _AGENT or message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.member in ("Release", "Cancel"):
            return Message.new_method_return(message)
        if message.member != "RequestPasskey":
            return Message.new_error(message, _REJECTED, "only passkeys")
        try:
            passkey = self._find(address_of(message.body[0]))
        except GatewayError as error:
            self.refused = error
            return Message.new_error(message, _REJECTED, "no passkey")
        self.refused = None
        return Message.new_method_return(message, "u", [passkey])


def address_of(path: str) -> str:
    """The address in a device's path, `.../dev_AA_BB_CC_DD_EE_FF`."""
    return path.rpartition("/dev_")[2][:17].replace("_", ":")
