"""Light client: follows a chain from one trusted block, keeps what it verified.

    client = LightClient(provider, store, LightParams(chain_id=..., trusting_period_ns=...))
    await client.trust(height, header_hash)            # once, from a source that a person checked
    block = await client.sync(now_ns)                  # up to the provider's newest block
    block = await client.block_at(height, now_ns)      # one height, older or newer

I/O stays behind :class:`Provider` (blocks) and :class:`Store` (what is trusted); the clock stays
with the caller. Witnesses are further providers that must agree with the first on every target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ledger.light.commits import verify_commit
from ledger.light.errors import (
    BlockNotFound,
    ConflictingHeaders,
    HashMismatch,
    HeaderExpired,
    NotEnoughTrust,
    NoTrustedBlock,
    WrongHeight,
)
from ledger.light.light_block import LightBlock
from ledger.light.verifier import DEFAULT_TRUST_LEVEL, verify, verify_backwards

NEAR_STEPS, MOST_STEPS = 64, 2_000
"""Blocks back along the hashes: up to the first at once, up to the second if nothing else leads."""


class Provider(Protocol):
    """Source of untrusted blocks; failures are :class:`ProviderError`."""

    async def light_block(self, height: int) -> LightBlock:
        """Block of ``height``; raises :class:`BlockNotFound` if it is not there."""
        ...

    async def latest_height(self) -> int:
        """Height of the newest block there."""
        ...


class Store(Protocol):
    """What was verified; failures are :class:`StoreError`."""

    def save(self, block: LightBlock) -> None:
        """Keep a verified block; durable on return."""
        ...

    def at(self, height: int) -> LightBlock | None:
        """Block of ``height``, if kept."""
        ...

    def latest(self) -> LightBlock | None:
        """Block of the greatest height, if any."""
        ...

    def lowest_above(self, height: int) -> LightBlock | None:
        """Block of the smallest kept height above ``height``, if any."""
        ...

    def highest_below(self, height: int) -> LightBlock | None:
        """Block of the greatest kept height below ``height``, if any."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LightParams:
    """Rules of one chain; ``sequential`` verifies and keeps every header instead of skipping."""

    chain_id: str
    trusting_period_ns: int
    max_clock_drift_ns: int = 10_000_000_000
    trust_level: Fraction = DEFAULT_TRUST_LEVEL
    sequential: bool = False


class LightClient:
    """Follows one chain; use it from one task at a time."""

    def __init__(
        self,
        provider: Provider,
        store: Store,
        params: LightParams,
        witnesses: Sequence[Provider] = (),
    ) -> None:
        self._provider = provider
        self._store = store
        self._params = params
        self._witnesses = tuple(witnesses)

    async def trust(self, height: int, header_hash: bytes) -> LightBlock:
        """Start from the block of ``height`` with this hash, which a person vouches for."""
        block = await self._fetch(self._provider, height)
        block.check(self._params.chain_id)
        if block.hash != header_hash:
            raise HashMismatch(
                f"height {height} hashes to {block.hash.hex()}; you asked to trust"
                f" {header_hash.hex()}"
            )
        verify_commit(
            self._params.chain_id, block.validators, block.commit.block_id, height, block.commit
        )
        await self._compare_witnesses(block)
        self._store.save(block)
        return block

    async def sync(self, now_ns: int) -> LightBlock:
        """Newest block, verified; the newest known one if the provider has nothing newer."""
        trusted = self._latest()
        height = await self._provider.latest_height()
        if height <= trusted.height:
            kept = self._store.at(height) if height < trusted.height else None
            if kept is not None:
                await self._check_lineage(kept)
            return trusted
        return await self._advance(trusted, height, now_ns)

    async def block_at(self, height: int, now_ns: int) -> LightBlock:
        """Block of ``height``, verified: from the store, forwards, or back along the hashes."""
        if (kept := self._store.at(height)) is not None:
            return kept
        trusted = self._latest()
        if height > trusted.height:
            return await self._advance(trusted, height, now_ns)
        return await self._find_older(height, now_ns)

    def _latest(self) -> LightBlock:
        trusted = self._store.latest()
        if trusted is None:
            raise NoTrustedBlock("nothing to follow from: call trust() with a height and its hash")
        return trusted

    async def _advance(self, trusted: LightBlock, height: int, now_ns: int) -> LightBlock:
        target = await self._fetch(self._provider, height)
        await self._compare_witnesses(target)
        if self._params.sequential:
            for between in range(trusted.height + 1, height):
                block = await self._fetch(self._provider, between)
                trusted = self._accept(trusted, block, now_ns)
            return self._accept(trusted, target, now_ns)
        if height > trusted.height + 1:
            await self._check_lineage(trusted)
        return await self._bisect(trusted, target, now_ns)

    async def _check_lineage(self, kept: LightBlock) -> None:
        """The source must still have ``kept``: a skip alone would follow an authority that went
        back to a backup and on from there, since the same key signs both histories."""
        try:
            theirs = await self._fetch(self._provider, kept.height)
        except BlockNotFound:
            return  # nodes may drop old blocks
        if theirs.hash == kept.hash:
            return
        theirs.check(self._params.chain_id)
        verify_commit(
            self._params.chain_id,
            kept.validators,
            theirs.commit.block_id,
            kept.height,
            theirs.commit,
        )
        raise ConflictingHeaders(kept.height, kept.hash, theirs.hash, "the source")

    async def _bisect(self, trusted: LightBlock, target: LightBlock, now_ns: int) -> LightBlock:
        """Skip as far as trust reaches, halving the distance where it does not."""
        pending = [target]
        while pending:
            try:
                trusted = self._accept(trusted, pending[-1], now_ns)
                pending.pop()
            except NotEnoughTrust:
                pivot = (trusted.height + pending[-1].height) // 2
                pending.append(await self._fetch(self._provider, pivot))
        return target

    async def _find_older(self, height: int, now_ns: int) -> LightBlock:
        """By the hashes if that is near; else forwards from a block before, as far as it goes."""
        above, below = self._store.lowest_above(height), self._store.highest_below(height)
        if above is not None and above.height - height > NEAR_STEPS and below is not None:
            try:
                return await self._bisect(below, await self._fetch(self._provider, height), now_ns)
            except HeaderExpired:
                pass
        return await self._go_back(height)

    async def _go_back(self, height: int) -> LightBlock:
        block = self._store.lowest_above(height)
        if block is None or block.height - height > MOST_STEPS:
            raise NoTrustedBlock(f"no trusted block within {MOST_STEPS} above height {height}")
        while block.height > height:
            older = await self._fetch(self._provider, block.height - 1)
            verify_backwards(block, older)
            block = older
        self._store.save(block)
        return block

    def _accept(self, trusted: LightBlock, new: LightBlock, now_ns: int) -> LightBlock:
        verify(
            trusted,
            new,
            now_ns=now_ns,
            trusting_period_ns=self._params.trusting_period_ns,
            max_clock_drift_ns=self._params.max_clock_drift_ns,
            trust_level=self._params.trust_level,
        )
        self._store.save(new)
        return new

    async def _compare_witnesses(self, block: LightBlock) -> None:
        for number, witness in enumerate(self._witnesses):
            try:
                other = await self._fetch(witness, block.height)
            except BlockNotFound:
                continue  # it lags behind; it will be asked again at the next target
            if other.hash != block.hash:
                raise ConflictingHeaders(block.height, block.hash, other.hash, f"witness {number}")

    @staticmethod
    async def _fetch(provider: Provider, height: int) -> LightBlock:
        block = await provider.light_block(height)
        if block.height != height:
            raise WrongHeight(f"asked for height {height}, got {block.height}")
        return block
