"""A tree of D-Bus objects, as BlueZ offers one: properties, ObjectManager, methods.

Methods are registered by (interface, member); each gets (path, message) and returns
(signature, body), or raises `BluezError`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_PROPERTIES = "org.freedesktop.DBus.Properties"
_MANAGER = "org.freedesktop.DBus.ObjectManager"

Properties = dict[str, Variant]
Reply = tuple[str, list[Any]]
Method = Callable[[str, Message], Awaitable[Reply]]
NOTHING: Reply = ("", [])


class BluezError(Exception):
    """What a caller gets as an error: `name` below org.bluez.Error."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        super().__init__(text)


class Tree:
    """Objects of one bus connection, by path and interface."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.objects: dict[str, dict[str, Properties]] = {}
        self.methods: dict[tuple[str, str], Method] = {
            (_MANAGER, "GetManagedObjects"): self._managed,
            (_PROPERTIES, "Get"): self._get,
            (_PROPERTIES, "GetAll"): self._get_all,
            (_PROPERTIES, "Set"): self._set,
        }
        self._running: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._called)

    def add(self, path: str, interfaces: dict[str, Properties]) -> None:
        """Add an object."""
        self.objects[path] = interfaces
        self._signal("/", _MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """Remove an object and all below it."""
        for below in [name for name in self.objects if name == path or name.startswith(path + "/")]:
            names = list(self.objects.pop(below))
            self._signal("/", _MANAGER, "InterfacesRemoved", "oas", [below, names])

    def set(self, path: str, interface: str, **values: Variant) -> None:
        """Change properties and say so; of an object that is gone, nothing happens."""
        if path not in self.objects:
            return
        self.objects[path][interface].update(values)
        body = [interface, values, []]
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def get(self, path: str, interface: str, name: str) -> Any:
        """A property's value; None if there is none."""
        value = self.objects.get(path, {}).get(interface, {}).get(name)
        return None if value is None else value.value

    def close(self) -> None:
        """End what is under way."""
        for task in self._running:
            task.cancel()
        self.bus.disconnect()

    def _signal(self, path: str, interface: str, member: str, sign: str, body: list[Any]) -> None:
        self.bus.send(Message.new_signal(path, interface, member, sign, body))

    def _called(self, message: Message) -> bool:
        method = self.methods.get((message.interface or "", message.member or ""))
        if message.message_type is not MessageType.METHOD_CALL or method is None:
            return False
        task = asyncio.get_running_loop().create_task(self._answer(method, message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def _answer(self, method: Method, message: Message) -> None:
        try:
            if message.path not in self.objects and message.path != "/":
                name = "org.freedesktop.DBus.Error.UnknownObject"
                reply = Message.new_error(message, name, "no such object")
            else:
                reply = Message.new_method_return(message, *await method(message.path, message))
        except BluezError as error:
            reply = Message.new_error(message, f"org.bluez.Error.{error.name}", str(error))
        self.bus.send(reply)

    async def _managed(self, path: str, message: Message) -> Reply:
        return "a{oa{sa{sv}}}", [self.objects]

    async def _get(self, path: str, message: Message) -> Reply:
        interface, name = message.body
        return "v", [self.objects[path][interface][name]]

    async def _get_all(self, path: str, message: Message) -> Reply:
        return "a{sv}", [self.objects[path].get(message.body[0], {})]

    async def _set(self, path: str, message: Message) -> Reply:
        interface, name, value = message.body
        self.set(path, interface, **{name: value})
        return NOTHING
