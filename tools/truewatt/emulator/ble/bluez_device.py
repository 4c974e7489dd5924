"""One board as the emulated BlueZ shows it: Device1, and its services once it is connected."""

import asyncio
from typing import TYPE_CHECKING, Any

from dbus_fast import Message, Variant

from truewatt.emulator.ble.dbus_objects import NOTHING, BluezError, Reply
from truewatt.emulator.ble.gatt import (
    INSUFFICIENT_AUTHENTICATION,
    NOTIFY,
    READ,
    READ_NOT_PERMITTED,
    WRITE,
    WRITE_NO_RESPONSE,
    WRITE_NOT_PERMITTED,
    AttError,
    LinkLost,
    PairingFailed,
)
from truewatt.emulator.ble.link import Connection
from truewatt.emulator.ble.stack import Advertising

if TYPE_CHECKING:
    from truewatt.emulator.ble.bluez import Bluez

ADAPTER, DEVICE = "/org/bluez/hci0", "org.bluez.Device1"
_SERVICE, _CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
_FLAGS = {
    READ: "read",
    WRITE_NO_RESPONSE: "write-without-response",
    WRITE: "write",
    NOTIFY: "notify",
}
_UUIDS, _NAME = 0x07, 0x09
_GATT = "00001801-0000-1000-8000-00805f9b34fb"


def device_path(address: bytes) -> str:
    """Where BlueZ shows a device."""
    return f"{ADAPTER}/dev_" + "_".join(f"{byte:02X}" for byte in address)


class Device:
    """Its properties are on the bus from its first advertising on."""

    def __init__(self, bluez: "Bluez", address: bytes) -> None:
        self._bluez, self._tree = bluez, bluez.tree
        self.address, self.path = address, device_path(address)
        self.connection: Connection | None = None
        self._notifying: set[str] = set()
        text = ":".join(f"{byte:02X}" for byte in address)
        no = Variant("b", False)
        self._properties = {
            "Address": Variant("s", text),
            "AddressType": Variant("s", "public"),
            # Without a name BlueZ makes one of the address; the name comes with the scan response.
            "Alias": Variant("s", text.replace(":", "-")),
            "Paired": Variant("b", address in bluez.bonds),
            "Bonded": Variant("b", address in bluez.bonds),
            "Trusted": no, "Blocked": no, "LegacyPairing": no, "Connected": no,
            "ServicesResolved": no,
            "UUIDs": Variant("as", []),
            "Adapter": Variant("o", ADAPTER),
        }  # fmt: skip
        self._tree.add(self.path, {DEVICE: self._properties})

    def _set(self, **values: Variant) -> None:
        self._tree.set(self.path, DEVICE, **values)

    def advertises(self, advertising: Advertising) -> None:
        """Show what was heard."""
        found = advertising.fields()
        values = {"RSSI": Variant("n", -60)}
        if _UUIDS in found:
            uuid = found[_UUIDS][::-1].hex()
            parts = (uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])
            values["UUIDs"] = Variant("as", ["-".join(parts)])
        if _NAME in found:
            name = Variant("s", found[_NAME].decode(errors="replace"))
            values |= {"Name": name, "Alias": name}
        self._set(**values)

    # ---- methods of Device1 --------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect; encrypt, if there is a bond; discover."""
        try:
            connection = await self._connect()
            bond = self._bluez.bonds.get(self.address)
            if bond is not None:
                await connection.encrypt(bond)
        except LinkLost as error:
            raise BluezError("Failed", "le-connection-abort-by-remote") from error
        except PairingFailed:
            # The kernel ends a link whose key the other side has not got; the call has succeeded.
            await self.drop()
            return
        await self._resolve()

    async def pair(self) -> None:
        """Connect if need be, pair with what the agent says, discover."""
        if self.address in self._bluez.bonds:
            raise BluezError("AlreadyExists", "Already Exists")
        try:
            connection = self.connection or await self._connect()
            enter = (lambda: self._bluez.passkey(self.path)) if self._bluez.has_agent else None
            self._bluez.bonds[self.address] = await connection.pair(enter)
        except PairingFailed as error:
            await self.drop()
            raise BluezError("AuthenticationFailed", "Authentication Failed") from error
        except LinkLost as error:
            raise BluezError("AuthenticationCanceled", "Authentication Canceled") from error
        self._set(Paired=Variant("b", True), Bonded=Variant("b", True))
        await self._resolve()

    async def disconnect(self) -> None:
        """End the connection."""
        await self.drop()

    async def drop(self) -> None:
        """End the connection, if there is one."""
        if self.connection is not None:
            await self.connection.disconnect()

    async def _connect(self) -> Connection:
        if self.connection is not None:
            return self.connection
        connection = await self._bluez.air.connect(self.address, self._bluez.address)
        connection.on_end = lambda: self._ended(connection)
        connection.on_notify = self._notified
        self.connection = connection
        self._set(Connected=Variant("b", True))
        await connection.exchange_mtu(self._bluez.mtu)
        return connection

    def _ended(self, connection: Connection) -> None:
        if self.connection is not connection:
            return
        self.connection = None
        self._notifying.clear()
        for path in [name for name in self._tree.objects if name.startswith(self.path + "/")]:
            if path in self._tree.objects:
                self._tree.remove(path)
        no = Variant("b", False)
        self._set(ServicesResolved=no, Connected=no)

    async def _resolve(self) -> None:
        stack = self._bluez.air.stacks.get(self.address)
        if stack is None or self.connection is None:
            return
        self._tree.add(
            f"{self.path}/service0001",
            {_SERVICE: {"UUID": Variant("s", _GATT), "Device": Variant("o", self.path),
                        "Primary": Variant("b", True)}},
        )  # fmt: skip
        for service in stack.services:
            first = service.characteristics[0].handle - 2
            path = f"{self.path}/service{first:04x}"
            facts = {
                "UUID": Variant("s", service.uuid),
                "Device": Variant("o", self.path),
                "Primary": Variant("b", True),
            }
            self._tree.add(path, {_SERVICE: facts})
            for one in service.characteristics:
                flags = [word for bit, word in _FLAGS.items() if one.flags & bit]
                properties = {
                    "UUID": Variant("s", one.uuid),
                    "Service": Variant("o", path),
                    "Value": Variant("ay", b""),
                    "Flags": Variant("as", flags),
                    "MTU": Variant("q", self.connection.mtu),
                    "Notifying": Variant("b", False),
                }
                # BlueZ names a characteristic after its declaration, one before the value.
                name = f"{path}/char{one.handle - 1:04x}"
                self._tree.add(name, {_CHARACTERISTIC: properties})
        await asyncio.sleep(0)
        self._set(ServicesResolved=Variant("b", True))

    # ---- characteristics -----------------------------------------------------------------------

    async def on_characteristic(self, path: str, message: Message) -> Reply:
        """Methods of GattCharacteristic1."""
        connection, member = self.connection, message.member
        if connection is None:
            raise BluezError("Failed", "Not connected")
        handle = int(path[-4:], 16) + 1
        try:
            if member == "StartNotify":
                self._notifying.add(path)
            elif member == "StopNotify":
                self._notifying.discard(path)
            elif member == "ReadValue":
                return "ay", [connection.read(handle)]
            else:
                await connection.write(handle, bytes(message.body[0]))
        except AttError as error:
            raise _as_bluez(error) from error
        except LinkLost as error:
            raise BluezError("Failed", "Not connected") from error
        return NOTHING

    def _notified(self, handle: int, data: bytes) -> None:
        for path in self._notifying:
            if int(path[-4:], 16) + 1 == handle:
                self._tree.set(path, _CHARACTERISTIC, Value=Variant("ay", data))


def _as_bluez(error: AttError) -> BluezError:
    """BlueZ's create_gatt_dbus_error (src/gatt-client.c)."""
    texts: dict[int, Any] = {
        READ_NOT_PERMITTED: "Read not permitted",
        WRITE_NOT_PERMITTED: "Write not permitted",
        INSUFFICIENT_AUTHENTICATION: "Not paired",
    }
    if error.code in texts:
        return BluezError("NotPermitted", texts[error.code])
    return BluezError("Failed", f"Operation failed with ATT error: 0x{error.code:02x}")
