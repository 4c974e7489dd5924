"""Reads a meter as its profile says."""

from collections.abc import Callable

from gateway.profiles.codec import Readings, decode
from gateway.profiles.link import MeterLink
from gateway.profiles.plan import plan
from gateway.profiles.profile import Profile

Progress = Callable[[int, int], None]
"""Called with (blocks read, blocks in all)."""


async def read_meter(
    link: MeterLink,
    profile: Profile,
    address: int,
    unconfirmed: bool = False,
    progress: Progress | None = None,
) -> Readings:
    """All readings of the meter at `address`.

    Raises `Unconfirmed` and what `MeterLink.read` raises. The profile's pause is kept.
    """
    registers = profile.chosen(unconfirmed)
    blocks = plan(profile, registers)
    link.pause_ms = max(link.pause_ms, profile.pause_ms)
    words: dict[int, int] = {}
    for done, block in enumerate(blocks, 1):
        row = await link.read(profile.function, address, block.first, block.count)
        words.update(enumerate(row, block.first))
        if progress is not None:
            progress(done, len(blocks))
    return decode(profile, words, registers)
