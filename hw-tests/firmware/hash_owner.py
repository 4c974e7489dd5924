"""Who signs for chains of which tests want many records, and no curve work."""

import asyncio

from wireformat import identity
from wireformat.schema import Unsigned


class Owner:
    """Signs with a hash: what uses it is about flash."""

    public_key = bytes(32)
    address = bytes(20)

    async def seal(self, record):
        await asyncio.sleep_ms(0)
        unsigned = Unsigned(record, self.public_key, "c")
        return unsigned.with_signature(identity.record_hash(unsigned.to_be_signed) * 2)
