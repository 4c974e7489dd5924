"""What the registry says of this gateway's boards and keys, proven, then kept in the directory."""

import asyncio
import contextlib

from gateway.admit import Board
from gateway.directory import Directory, Entry
from gateway.ledger_link import LedgerError, LedgerLink
from gateway.light_node import LightNode
from gateway.signer import open_certificate
from gateway.store import Head, StoreError
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from ledger.contracts.objects import ACTIVE, Device, KeyCertificate, LastRecord, unpack
from wireformat import cbor, codes, identity

DEVICE, CERT, LAST = b"registry/device/", b"registry/cert/", b"metering/last/"
CONTROL_CACHE = b"certificate/control"

REFRESH_S, REFRESH_WALL_S = 60, 10
"""How old what is known of a board may get, in the run's clock with the least of it in wall time,
while the ledger is there: two proofs a board."""


class RegistryView:
    """Fills a `Directory`; what was proven once serves while the ledger can't be reached."""

    def __init__(
        self,
        node: LightNode,
        link: LedgerLink,
        store: StoreThread,
        directory: Directory,
        clock: Clock,
        area: int,
        chain_id: str,
        root: bytes,
    ) -> None:
        self._node, self._link, self._store = node, link, store
        self._directory, self._clock = directory, clock
        self._area, self._chain_id, self._root = area, chain_id, root
        self._refreshed_ms: int | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Take over what was proven in earlier runs."""
        cache = self._store.store.cache
        for key, value in await self._store.run(cache.starting_with, DEVICE):
            address = key[len(DEVICE) :]
            last = await self._store.run(cache.get, LAST + address)
            self._take(address, value, last[0] if last else None)
        control = await self._store.run(cache.get, CONTROL_CACHE)
        if control is not None and control[0] is not None:
            # Another root or chain may be configured since it was kept.
            with contextlib.suppress(ValueError):
                certificate = open_certificate(control[0], self._chain_id, self._root)
                self._directory.set_control(certificate.serial, control[0])

    async def keep_up(self) -> None:
        """`refresh` beside other work: a command must not wait for the proofs of a whole area.

        Only while no control key is known nothing is to be had without it. Raises what an earlier
        one failed with.
        """
        has_work = bool(self._directory.wanted) or self._is_due(self._clock.mono_ms())
        if self._refreshing is None and has_work:
            self._refreshing = asyncio.create_task(self.refresh(), name="registry")
        under_way = self._refreshing
        if under_way is not None and self._directory.control is None:
            await asyncio.wait([under_way])
        if under_way is not None and under_way.done():
            self._refreshing = None
            under_way.result()

    async def close(self) -> None:
        """End what `keep_up` began."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def _is_due(self, now_ms: int) -> bool:
        least_s = max(REFRESH_S, REFRESH_WALL_S / self._clock.wall(1.0))
        return self._refreshed_ms is None or now_ms - self._refreshed_ms >= least_s * 1000

    async def refresh(self) -> None:
        """Prove what is wanted, and now and then all that is known. Raises `LedgerError`."""
        now_ms = self._clock.mono_ms()
        due = self._is_due(now_ms)
        known = self._directory.addresses() if due else []
        for address in sorted({*self._directory.wanted, *known}):
            await self._prove(address)
            # If it is nobody's, whoever meets it there again asks again.
            self._directory.wanted.discard(address)
        if due:
            await self._check_control()
            await self._control()
            self._refreshed_ms = now_ms

    def control_expires_s(self) -> int | None:
        """When the control key's certificate ends, if one is known."""
        held = self._directory.control
        if held is None:
            return None
        return open_certificate(held[1], self._chain_id, self._root).expires_s

    async def _prove(self, address: bytes) -> None:
        value, height = await self._node.prove(DEVICE + address)
        if value is None:
            return
        last, last_height = await self._node.prove(LAST + address)
        await self._keep(DEVICE + address, value, height)
        await self._keep(LAST + address, last, last_height)
        self._take(address, value, last, fresh=True)

    def _take(self, address: bytes, value: bytes, last: bytes | None, fresh: bool = False) -> None:
        device = unpack(Device, value)
        if identity.address(device.public_key) != address:
            raise self._node.lie(f"registry/device/{address.hex()} holds another key")
        board = Board(
            address=address,
            public_key=device.public_key,
            role=device.role,
            channels=len(device.channels),
            relays=device.relays,
            enrolled=device.area == self._area,
            revoked=device.status != ACTIVE,
            calibration=device.calibration,
        )
        self._directory.put(Entry(board, _head(last), fresh))

    async def _check_control(self) -> None:
        """Drop the control key that is held if it is revoked or expired, whatever is offered."""
        held = self._directory.control
        if held is None:
            return
        certificate = open_certificate(held[1], self._chain_id, self._root)
        value, height = await self._node.prove(CERT + identity.address(certificate.public_key))
        revoked = value is None or bool(unpack(KeyCertificate, value).revoked_height)
        if revoked or certificate.expires_s <= self._clock.unix_ms() // 1000:
            self._directory.drop_control()
            await self._keep(CONTROL_CACHE, None, height)

    async def _control(self) -> None:
        """The control key's certificate: signed by the root, and in force on the ledger."""
        answer = await self._link.query("/certificate", cbor.encode({0: self._area}))
        if answer.value is None:
            return
        try:
            certificate = open_certificate(answer.value, self._chain_id, self._root)
        except ValueError as error:
            raise self._node.lie(f"control certificate: {error}") from error
        fits = certificate.role == codes.CONTROL and certificate.area in (0, self._area)
        if not fits or certificate.expires_s <= self._clock.unix_ms() // 1000:
            raise self._node.lie("control certificate of another role or area, or expired")
        address = identity.address(certificate.public_key)
        value, height = await self._node.prove(CERT + address)
        if value is None or unpack(KeyCertificate, value).revoked_height:
            raise self._node.lie("control certificate that the registry doesn't hold in force")
        await self._keep(CONTROL_CACHE, answer.value, height)
        self._directory.set_control(certificate.serial, answer.value)

    async def _keep(self, key: bytes, value: bytes | None, height: int) -> None:
        try:
            await self._store.run(self._store.store.cache.put, key, value, height)
        except StoreError as error:
            # What is proven serves from memory; the store's own fault is reported elsewhere.
            raise LedgerError(f"can't keep {key[:24]!r}: {error}") from error


def _head(last: bytes | None) -> Head | None:
    if last is None:
        return None
    record = unpack(LastRecord, last)
    return Head(record.epoch, record.seq, record.head, 0)
