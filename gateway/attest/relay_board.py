"""Waveshare's Modbus RTU relay boards (8 relays): switched by signed commands, opened by time.

Functions as in Waveshare's wiki (Modbus RTU Relay, development protocol V2),
icecoldfire/HomeAssistant-Waveshare-Relay and nigelb/pymodbus-waveshare-relay: FC01 reads coils 0 to
7; FC05 writes them, and at 0x0200 + relay closes one for a time in tenths of a second ("flash on";
nigelb's text has tenths too, its arithmetic hundredths). A relay is closed in no other way here:
whoever does not say so again within `TIMEOUT_S` finds it open. Nothing is measured.
"""

from gateway.attest.errors import NotFollowed, WrongMeter
from gateway.collect.bus import Bus
from gateway.collect.errors import ModbusRefused
from gateway.config import MeterConfig
from gateway.profiles import Readings
from gateway.profiles.counter import CounterLimits
from wireformat import codes

RELAY_BOARD = "relay_board"
"""What a configuration calls it, in the place of a profile."""

RELAYS = 8
TIMEOUT_S = 60
TIMED_CLOSE, TENTHS = 0x0200, 10
OFF = 0


class RelayBoard:
    """Eight assets, each a normally open contact."""

    def __init__(self, bus: Bus, config: MeterConfig) -> None:
        self._bus, self._config = bus, config
        self.max_power_w = config.max_power_w
        self.actions = frozenset({codes.OPEN, codes.CLOSE})
        self.timeout_s = TIMEOUT_S
        self.assets, self.rests_closed = RELAYS, False

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self._bus.name} address {self._config.address}"

    @property
    def registers(self) -> dict[str, CounterLimits]:
        """It counts nothing, so it signs no readings."""
        return {}

    async def contact(self, probe_s: float | None = None) -> None:
        """It doesn't name itself; what has no eight coils is another device."""
        await self._coils(probe_s)

    async def read(self) -> Readings:
        """Nothing but a sign of life."""
        await self._coils()
        return Readings()

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        """Open and close, no more."""
        return codes.R_NONE if action in self.actions and not value else codes.R_BAD_VALUE

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        """Open, or close for as long as the board may be left alone; read back."""
        address = self._config.address
        if action == codes.CLOSE:
            await self._bus.set_coil(address, TIMED_CLOSE + asset, TIMEOUT_S * TENTHS)
        else:
            await self._bus.set_coil(address, asset, OFF)
        await self._follows(asset, action == codes.CLOSE)

    async def state(self, action: int, asset: int = 0) -> int:
        """1 closed, 0 open."""
        return int((await self._coils())[asset])

    async def restore(self, asset: int | None = None) -> None:
        """Open, one or all."""
        for relay in range(RELAYS) if asset is None else (asset,):
            await self.apply(codes.OPEN, 0, relay)

    async def _follows(self, asset: int, closed: bool) -> None:
        if (await self._coils())[asset] != closed:
            wanted = "closed" if closed else "open"
            raise NotFollowed(f"relay {asset + 1} is not {wanted}", self.where)

    async def _coils(self, probe_s: float | None = None) -> list[bool]:
        try:
            return await self._bus.coils(self._config.address, 0, RELAYS, probe_s)
        except ModbusRefused as error:
            raise WrongMeter(f"no relay board: {error.what}", self.where) from error
