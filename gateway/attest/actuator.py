"""Setting a device as the writable part of its profile says: limits, read-back, what is safe."""

from gateway.attest.errors import NotFollowed
from gateway.collect.bus import Bus
from gateway.config import MeterConfig
from gateway.profiles import Profile
from gateway.profiles.profile import Write
from gateway.profiles.words import bits_from, words_from
from wireformat import codes

_BY_NAME = {"set_limit": codes.SET_LIMIT, "charge": codes.CHARGE, "discharge": codes.DISCHARGE}


class ProfileActuator:
    """The registers that a profile lets be written; without any, nothing can be commanded."""

    def __init__(self, bus: Bus, config: MeterConfig, profile: Profile) -> None:
        self._bus, self._profile = bus, profile
        self._address, self._phases = config.address, config.phases or profile.phases
        self._writes = {_BY_NAME[write.action]: write for write in profile.writes}
        limit = self._writes.get(codes.SET_LIMIT)
        switches = {codes.OPEN, codes.CLOSE} if limit and limit.off is not None else set()
        self.actions = frozenset({*self._writes, *switches})
        self.timeout_s = profile.failsafe.timeout_ms // 1000 if profile.failsafe else 0

    def fault(self, action: int, value: int) -> int:
        """R_BAD_VALUE for what the device can't do or its limits forbid."""
        if action not in self.actions or self._target(action, value) is None:
            return codes.R_BAD_VALUE
        return codes.R_NONE

    async def apply(self, action: int, value: int) -> None:
        """Write and read back."""
        raw = self._target(action, value)
        assert raw is not None, "its fault was not asked for"
        await self._set(self._write(action), raw)

    async def state(self, action: int) -> int:
        """W that are set, or whether it is switched on."""
        write = self._write(action)
        watts = write.watts(await self._get(write), self._phases)
        return int(watts > 0) if action in (codes.OPEN, codes.CLOSE) else watts

    async def restore(self) -> None:
        """First what the device does when left alone, then its defaults."""
        safe = self._profile.failsafe
        rows = [(setup.address, setup.value) for setup in self._profile.setups]
        if safe is not None:
            rows += [(safe.value_address, safe.value), (safe.timeout_address, safe.timeout_ms)]
        for address, value in rows:
            await self._bus.write(self._address, address, [value], urgent=True)
        for write in self._writes.values():
            await self._set(write, write.default)

    def _write(self, action: int) -> Write:
        return self._writes[codes.SET_LIMIT if action in (codes.OPEN, codes.CLOSE) else action]

    def _target(self, action: int, value: int) -> int | None:
        write = self._write(action)
        if action == codes.OPEN:
            return write.off if not value else None
        if action == codes.CLOSE:
            return write.default if not value else None
        return write.raw(value, self._phases)

    async def _set(self, write: Write, raw: int) -> None:
        row = words_from(raw, write.words, self._profile.word_order, self._profile.byte_order)
        await self._bus.write(self._address, write.address, row, urgent=True)
        found = await self._get(write)
        if found != raw:
            where = f"{self._bus.name} address {self._address}"
            raise NotFollowed(f"{write.address:#06x} reads {found} after {raw}", where)

    async def _get(self, write: Write) -> int:
        row = await self._bus.read(self._address, write.address, write.words, urgent=True)
        return bits_from(row, self._profile.word_order, self._profile.byte_order)
