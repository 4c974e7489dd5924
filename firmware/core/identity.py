"""The board's key and every use of curve arithmetic, in slices.

Signing and verifying run as generators; between two slices (at most 0.8 M instructions, about
5 ms) the event loop runs, so protection never waits for crypto.
"""

import asyncio

from crypto import ed25519
from wireformat import identity
from wireformat.schema import Record, Unsigned


async def _finish(steps: object, give_way: object = None) -> object:
    """Run a generator to its end, yielding to the event loop between slices.

    None if `give_way()` came true: there is one workspace, so a pause would hold up who waits.
    """
    try:
        while True:
            next(steps)
            await asyncio.sleep_ms(0)
            if give_way and give_way():
                steps.close()
                return None
    except StopIteration as end:
        return end.value


class Identity:
    """A board's key pair on one chain. The secret never leaves this object."""

    def __init__(self, seed: bytes, chain_id: str) -> None:
        self._key = ed25519.SigningKey(seed)
        self.chain_id = chain_id
        self.public_key = self._key.public
        self.address = identity.address(self.public_key)
        # The arithmetic works in buffers of its own: one operation at a time.
        self._curve = asyncio.Lock()

    async def seal(self, record: Record) -> bytes:
        """The signed bytes of `record`."""
        unsigned = Unsigned(record, self.public_key, self.chain_id)
        # Encoding is a slice of its own, and so is what the caller does with the result.
        await asyncio.sleep_ms(0)
        async with self._curve:
            signature = await _finish(self._key.sign_steps(unsigned.to_be_signed))
        await asyncio.sleep_ms(0)
        return unsigned.with_signature(signature)

    async def verify(
        self, public_key: bytes, message: bytes, signature: bytes, give_way: object = None
    ) -> "bool | None":
        """Whether `signature` over `message` is `public_key`'s; None if `give_way()` came true."""
        async with self._curve:
            return await _finish(ed25519.verify_steps(public_key, message, signature), give_way)
