"""One connection to an emulated board, as a central's stack sees it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from truewatt.emulator.ble.gatt import NOT_FOUND, AttError, Bond, LinkLost, PairingFailed, Security

if TYPE_CHECKING:
    from truewatt.emulator.ble.stack import Stack

# Events of MicroPython's `bluetooth`.
CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, MTU_EXCHANGED = 1, 2, 3, 21
_ENCRYPTION_UPDATE, _GET_SECRET, _SET_SECRET, _PASSKEY_ACTION = 28, 29, 30, 31
_DISPLAY = 3
_OUR_SECRET, _PEER_SECRET = 1, 2
_KEY_BYTES = 16
DEFAULT_MTU = 23
_ATT_HEAD = 3
_PAIRING_S = 30.0
"""SMP's time-out (Core, Vol 3 H 3.4)."""

Enter = Callable[[], Awaitable[int | None]]
"""Has a person, or a file, enter the passkey; None: there is nobody who could."""


class Connection:
    """`on_notify(handle, data)` and `on_end()` are told, once they are set."""

    def __init__(self, stack: "Stack", handle: int, central: bytes) -> None:
        self._stack = stack
        self.handle, self.central = handle, central
        self.mtu = DEFAULT_MTU
        self.security = Security()
        self.open = True
        self.held: list[tuple[int, bytes]] = []
        self.on_notify: Callable[[int, bytes], None] = lambda handle, data: None
        self.on_end: Callable[[], None] = lambda: None
        self._shown: asyncio.Future[int] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def exchange_mtu(self, wish: int) -> int:
        """ATT's Exchange MTU; the smaller of both sides' holds."""
        self.mtu = min(wish, int(self._stack.settings["mtu"] or DEFAULT_MTU))
        await self._tell(MTU_EXCHANGED, self.mtu)
        return self.mtu

    async def write(self, handle: int, data: bytes) -> None:
        """Write with a response. Raises `AttError`, `LinkLost`."""
        one = self._stack.find(handle)
        if one is None:
            raise AttError(NOT_FOUND)
        one.require(True, self.security)
        # One request at a time: the next comes after the answer (Core, Vol 3 F 3.3.2).
        async with self._stack.requests:
            one.store(data)
            await self._tell(GATTS_WRITE, handle)

    def read(self, handle: int) -> bytes:
        """Raises `AttError`."""
        one = self._stack.find(handle)
        if one is None:
            raise AttError(NOT_FOUND)
        one.require(False, self.security)
        return one.value

    async def disconnect(self) -> None:
        """End it."""
        await self._stack.end(self)

    # ---- security ------------------------------------------------------------------------------

    async def pair(self, enter: Enter | None) -> Bond:
        """Pair, with the passkey that the board shows, or without any: then unauthenticated.

        Raises `PairingFailed`, `LinkLost`.
        """
        settings = self._stack.settings
        shows = enter is not None and settings["mitm"] and settings["io"] != 3
        if shows and enter is not None:
            await self._compare(enter)
        bond = Bond(authenticated=bool(shows))
        self.security = Security(True, bond.authenticated, bool(settings["bond"]))
        await self._update()
        if settings["bond"]:
            peer = b"\0" + self.central
            for kind in (_PEER_SECRET, _OUR_SECRET):
                kept = await self._stack.event(_SET_SECRET, kind, peer, bond.secret(self.central))
                self._require_open()
                if not kept:
                    self.security.bonded = False
        return bond

    async def encrypt(self, bond: Bond) -> None:
        """With the key of an earlier pairing. Raises `PairingFailed` if the board has lost it."""
        secret = await self._stack.event(_GET_SECRET, _OUR_SECRET, 0, b"\0" + self.central)
        if secret != bond.secret(self.central):
            await self._update()
            raise PairingFailed("the board has no such key")
        self.security = Security(True, bond.authenticated, True)
        await self._update()

    async def _compare(self, enter: Enter) -> None:
        self._shown = asyncio.get_running_loop().create_future()
        await self._tell(_PASSKEY_ACTION, _DISPLAY, 0)
        try:
            async with asyncio.timeout(_PAIRING_S):
                shown = await self._shown
                entered = await enter()
        except TimeoutError:
            entered, shown = None, -1
        if entered != shown:
            await self._update()
            raise PairingFailed("another passkey")

    async def _update(self) -> None:
        state = self.security
        size = _KEY_BYTES if state.encrypted else 0
        flags = (int(state.encrypted), int(state.authenticated), int(state.bonded))
        await self._tell(_ENCRYPTION_UPDATE, *flags, size)

    # ---- from the board's side -----------------------------------------------------------------

    def notify(self, handle: int, data: bytes, jammed: bool) -> None:
        """A notification, cut to what the MTU carries, as the stack does it."""
        data = data[: self.mtu - _ATT_HEAD]
        if jammed:
            self.held.append((handle, data))
        else:
            self.on_notify(handle, data)

    def flow(self) -> None:
        """The air takes what waits."""
        held, self.held = self.held, []
        for handle, data in held:
            self.on_notify(handle, data)

    def shows(self, passkey: int) -> None:
        """The board displays its passkey."""
        if self._shown is not None and not self._shown.done():
            self._shown.set_result(passkey)

    def end_soon(self) -> None:
        """The board ends it."""
        self._ending = asyncio.get_running_loop().create_task(self._stack.end(self))

    def ended(self) -> None:
        """It is over."""
        if not self.open:
            return
        self.open, self.security = False, Security()
        if self._shown is not None and not self._shown.done():
            self._shown.set_exception(LinkLost("the board ended it"))
        self.on_end()

    async def _tell(self, event: int, *data: int) -> None:
        self._require_open()
        await self._stack.event(event, self.handle, *data)

    def _require_open(self) -> None:
        if not self.open:
            raise LinkLost("the connection is over")
