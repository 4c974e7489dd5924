"""Where a link's frames of an update come in: a signed release, then pieces of its files.

What judges a release and what takes its files are never loaded together: a board at work has heap
for one of them. The first is unloaded before the second comes.
"""

import gc
import sys

from core.log import log
from update.errors import UpdateError
from wireformat import codes

# What is needed for a moment only.
_PASSING = ("update.offer", "update.slots", "wireformat.release")

_HEAP_BYTES = 18432
"""What a board at work needs to take firmware, measured: with less it would restart for want."""

_session = None


async def handle(node: object, code: int, data: bytes) -> int:
    """A release or a piece; the codes.R_* of its frame."""
    if code == codes.PIECE:
        return _session.piece(data) if _session else codes.R_MALFORMED
    gc.collect()
    if _session is None and gc.mem_free() < _HEAP_BYTES:
        forget("update.entry", "update.errors")
        return codes.R_NO_ROOM
    try:
        accepted = await _judge(node, data)
        forget()
        return accepted if isinstance(accepted, int) else _begin(node, accepted)
    except UpdateError as error:
        log("update", error)
        return error.reason
    except MemoryError as error:
        log("update", error)
        return codes.R_NO_ROOM
    finally:
        forget()


async def _judge(node: object, data: bytes) -> object:
    """What is needed of the release (`offer.Offer.facts`), or why it is refused."""
    from update.offer import Offer
    from update.slots import Slots

    slots = Slots(node.store)
    if slots.on_trial:
        return codes.R_BUSY
    offer = Offer(data, node.owner.chain_id, node.certificates)
    offer.require(node.role, slots.floor)
    if not await node.owner.verify(offer.key, offer.to_be_signed, offer.signature):
        return codes.R_BAD_SIGNATURE
    slots.end_trial()
    return offer.facts()


def _begin(node: object, accepted: tuple) -> int:
    global _session
    from update.receiver import Session

    if node.update >> 8 in (codes.UP_NONE, codes.UP_FAILED, codes.UP_RUNS):
        _session = Session(node, accepted, _session.sent if _session else 0)
        return codes.R_NONE
    # Under way: the same again is no news, another has to wait.
    return codes.R_NONE if accepted[1] == _session.staging.listing else codes.R_BUSY


def forget(*names: str) -> None:
    """Unload modules: their places in sys.modules, and their names in their packages."""
    for name in names or _PASSING:
        package, _, module = name.partition(".")
        if sys.modules.pop(name, None) is not None:
            delattr(sys.modules[package], module)
    gc.collect()
