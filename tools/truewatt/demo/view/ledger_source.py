"""The chain's tip, prices and wishes, asked of the ledger's RPC as values of the model."""

from __future__ import annotations

from ledger.contracts import assets, losses, pricing
from ledger.contracts.context import u32
from ledger.contracts.objects import (
    RELAY_CLOSED,
    RELAY_UNKNOWN,
    Asset,
    LossAccount,
    Price,
    Suspects,
    unpack,
)
from ledger.engine.query import MAX_LISTED
from ledger.rpc.client import RpcClient
from truewatt.demo.view.model import Ledger, Wish
from wireformat import cbor
from wireformat.codes import ENERGY_TYPES

_ADDRESS_BYTES = 20
_MOST_PAGES = 4
"""Of 256 assets each; what is behind them is left out of the view."""


class LedgerSource:
    """Asks about one area. Unproven: this is a picture for people; proofs are the gateway's."""

    def __init__(self, client: RpcClient, area: int) -> None:
        self._client = client
        self._area = area

    async def read(self) -> Ledger:
        """Raises `RpcError`, LookupError or ValueError while there is nothing to read."""
        height = await self._client.latest_height()
        answer = await self._client.abci_query("/store", pricing.now_key(self._area))
        price = unpack(Price, answer.value)
        prices = {ENERGY_TYPES.get(energy, str(energy)): micro for energy, micro in price.prices}
        wishes, missing = await self._wishes(), await self._missing()
        return Ledger(height, {"mix": price.mix, **prices}, wishes, missing)

    async def _missing(self) -> dict[str, str]:
        """Sections that the contract's loss rule suspects, with the meter that fits best."""
        area = u32(self._area)
        found = {}
        for key, value in await self._listed(losses.ACCOUNT + area):
            if unpack(LossAccount, value).suspected_slot:
                mlmd = key[len(losses.ACCOUNT) + len(area) :]
                found[mlmd.hex()] = await self._likely(area + mlmd)
        return found

    async def _likely(self, section: bytes) -> str:
        answer = await self._client.abci_query("/store", losses.SUSPECTS + section)
        return unpack(Suspects, answer.value).likely.hex() if answer.value else ""

    async def _wishes(self) -> dict[tuple[str, int], Wish]:
        prefix = assets.ASSET + u32(self._area)
        found: dict[tuple[str, int], Wish] = {}
        for key, value in await self._listed(prefix):
            place = key[len(prefix) :]
            found[place[:_ADDRESS_BYTES].hex(), place[_ADDRESS_BYTES]] = _wish(value)
        return found

    async def _listed(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for _ in range(_MOST_PAGES):
            request = cbor.encode({0: prefix, 1: found[-1][0] if found else b""})
            rows = cbor.decode((await self._client.abci_query("/list", request)).value, 1 << 20)
            if not isinstance(rows, list) or not rows:
                break
            found += [(key, value) for key, value in rows]
            if len(rows) < MAX_LISTED:
                break
        return found


def _wish(value: bytes) -> Wish:
    asset = unpack(Asset, value)
    known = asset.desired != RELAY_UNKNOWN
    return Wish(asset.desired == RELAY_CLOSED if known else None, asset.reason, asset.since_ms)
