"""An emulated org.bluez: one adapter in an `Air`, for unmodified central software.

Interfaces and error names are those of BlueZ's doc/ (org.bluez.Adapter, .Device, .AgentManager,
.GattCharacteristic), as far as a central needs them that scans, pairs, writes and subscribes.
"""

import asyncio
import contextlib
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from truewatt.emulator.ble.air import Air
from truewatt.emulator.ble.bluez_device import ADAPTER, DEVICE, Device, device_path
from truewatt.emulator.ble.dbus_objects import NOTHING, BluezError, Reply, Tree
from truewatt.emulator.ble.gatt import Bond
from truewatt.emulator.ble.link import Connection
from truewatt.emulator.ble.stack import Advertising, Stack

_ADAPTER, _MANAGER = "org.bluez.Adapter1", "org.bluez.AgentManager1"
_AGENT = "org.bluez.Agent1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
_AGENT_S = 60.0
MAX_MTU = 517
_ADVERTISING_S = 0.1


class Bluez:
    """`async with Bluez(air, bus_address) as bluez`. `address`: the central's own, 6 bytes."""

    def __init__(
        self, air: Air, bus_address: str, address: bytes = b"\x02gw\0\0\1", mtu: int = MAX_MTU
    ) -> None:
        self.air, self.address, self.mtu = air, address, mtu
        self._bus_address = bus_address
        self.devices: dict[str, Device] = {}
        self.bonds: dict[bytes, Bond] = {}
        # How often the agent was asked for a passkey.
        self.asked = 0
        self._agent: tuple[str, str] | None = None
        self._discovering: dict[str, int] = {}

    async def __aenter__(self) -> "Bluez":
        bus = await MessageBus(self._bus_address).connect()
        self.tree = Tree(bus)
        self.tree.objects["/org/bluez"] = {_MANAGER: {}}
        text = ":".join(f"{byte:02X}" for byte in self.address)
        self.tree.objects[ADAPTER] = {
            _ADAPTER: {
                "Address": Variant("s", text),
                "Name": Variant("s", "emulated"),
                "Powered": Variant("b", True),
                "Roles": Variant("as", ["central", "peripheral"]),
                "Discovering": Variant("b", False),
            }
        }
        self._register()
        await bus.request_name("org.bluez")
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        for device in list(self.devices.values()):
            await device.drop()
        self.tree.close()

    def _register(self) -> None:
        methods = self.tree.methods
        methods[_MANAGER, "RegisterAgent"] = self._register_agent
        methods[_MANAGER, "RequestDefaultAgent"] = self._nothing
        methods[_MANAGER, "UnregisterAgent"] = self._nothing
        methods[_ADAPTER, "SetDiscoveryFilter"] = self._nothing
        methods[_ADAPTER, "StartDiscovery"] = self._start
        methods[_ADAPTER, "StopDiscovery"] = self._stop
        methods[_ADAPTER, "RemoveDevice"] = self._remove
        for name in ("Connect", "Disconnect", "Pair"):
            methods[DEVICE, name] = self._on_device
        for name in ("StartNotify", "StopNotify", "WriteValue", "ReadValue"):
            methods[_CHARACTERISTIC, name] = self._on_characteristic

    async def _nothing(self, path: str, message: Message) -> Reply:
        return NOTHING

    def connection(self, address: bytes) -> Connection:
        """The central's connection to a board, for who shares the machine with it."""
        connection = self.devices[device_path(address)].connection
        assert connection is not None
        return connection

    # ---- agent ---------------------------------------------------------------------------------

    async def _register_agent(self, path: str, message: Message) -> Reply:
        self._agent = (message.sender or "", message.body[0])
        return NOTHING

    async def passkey(self, device: str) -> int | None:
        """Ask the default agent; None if it has none to give, or there is no agent."""
        if self._agent is None:
            return None
        self.asked += 1
        name, path = self._agent
        asked = Message(
            destination=name, path=path, interface=_AGENT, member="RequestPasskey",
            signature="o", body=[device],
        )  # fmt: skip
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AGENT_S):
                reply = await self.tree.bus.call(asked)
            if reply.message_type is MessageType.METHOD_RETURN:
                return int(reply.body[0])
        return None

    @property
    def has_agent(self) -> bool:
        """Whether somebody could be asked for a passkey."""
        return self._agent is not None

    # ---- adapter -------------------------------------------------------------------------------

    async def _start(self, path: str, message: Message) -> Reply:
        sender = message.sender or ""
        if sender in self._discovering:
            raise BluezError("InProgress", "Operation already in progress")
        self._discovering[sender] = 1
        return NOTHING

    async def _stop(self, path: str, message: Message) -> Reply:
        if self._discovering.pop(message.sender or "", None) is None:
            raise BluezError("Failed", "No discovery started")
        return NOTHING

    async def _remove(self, path: str, message: Message) -> Reply:
        device = self.devices.pop(message.body[0], None)
        if device is None:
            raise BluezError("DoesNotExist", "Does Not Exist")
        await device.drop()
        self.bonds.pop(device.address, None)
        self.tree.remove(device.path)
        return NOTHING

    async def _listen(self) -> None:
        """Boards advertise again and again; who discovers hears each of it."""
        while True:
            await asyncio.sleep(_ADVERTISING_S)
            for stack in self.air.heard() if self._discovering else []:
                if stack.advertising is not None:
                    self._heard(stack, stack.advertising)

    def _heard(self, stack: Stack, advertising: Advertising) -> None:
        path = device_path(stack.address)
        if path not in self.devices:
            self.devices[path] = Device(self, stack.address)
        self.devices[path].advertises(advertising)

    # ---- devices -------------------------------------------------------------------------------

    async def _on_device(self, path: str, message: Message) -> Reply:
        device = self.devices[path]
        work: Any = getattr(device, (message.member or "").lower())
        await work()
        return NOTHING

    async def _on_characteristic(self, path: str, message: Message) -> Reply:
        device = self.devices[path.split("/service")[0]]
        return await device.on_characteristic(path, message)
