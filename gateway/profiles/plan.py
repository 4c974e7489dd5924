"""Which blocks to read, so that few requests bring all registers."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.profiles.profile import Profile, Register


@dataclass(frozen=True)
class Block:
    """One read: `count` words from `first` on."""

    first: int
    count: int

    @property
    def last(self) -> int:
        """The address of the last word."""
        return self.first + self.count - 1


def plan(profile: Profile, registers: Iterable[Register] | None = None) -> tuple[Block, ...]:
    """The fewest blocks, in order of address, that hold `registers` (all, if not given).

    A block never covers a gap of the profile, nor a hole wider than `max_hole_words`, nor more
    than `max_block_words`; a register is never split. Taking in greedily is optimal here, as
    what ends a block ends it for every earlier start too.
    """
    chosen = profile.registers if registers is None else registers
    blocks: list[Block] = []
    for register in sorted(chosen, key=lambda r: r.address):
        if blocks and _joins(profile, blocks[-1], register):
            first = blocks.pop().first
        else:
            first = register.address
        blocks.append(Block(first, register.last - first + 1))
    return tuple(blocks)


def _joins(profile: Profile, block: Block, register: Register) -> bool:
    hole_words = register.address - block.last - 1
    return (
        register.last - block.first + 1 <= profile.max_block_words
        and hole_words <= profile.max_hole_words
        and not any(g.first < register.address and g.last > block.last for g in profile.gaps)
    )
