"""Tickets, by which a board tells its gateway's frames from forged ones for a few hashes.

A chain of hashes for each board: ticket n is the hash of ticket n + 1. A signed beacon says where
the chain stands; from then on nobody but who made it can show the next one. Who hears that gains
nothing: it is used up. The signature is checked all the same (ADR 163).
"""

import os
from dataclasses import dataclass, field

from wireformat import codes, identity

CHAIN = 256
"""Tickets of one chain. Making one takes as many hashes at most: under 0.2 ms."""

RENEW_FROM = CHAIN * 3 // 4
"""From this one on a beacon begins a new chain."""

UNSEEN_MOST = codes.TICKETS_AHEAD // 2
"""After so many without a word from the board a beacon says anew where the chain stands."""


def ticketed(ticket: bytes, code: int, data: bytes) -> tuple[int, bytes]:
    """(type code, bytes) of a frame behind `ticket`."""
    return codes.TICKETED, ticket + bytes((code,)) + data


def unwrapped(code: int, data: bytes) -> tuple[int, bytes]:
    """(type code, bytes) of a frame, without its ticket if it has one."""
    if code != codes.TICKETED or len(data) <= codes.TICKET_BYTES:
        return code, data
    return data[codes.TICKET_BYTES], data[codes.TICKET_BYTES + 1 :]


@dataclass
class _Chain:
    """`at`: the last ticket that was shown; `seen`: the last one that the board surely saw."""

    seed: bytes = field(default_factory=lambda: os.urandom(codes.TICKET_BYTES))
    at: int = 0
    seen: int = 0

    def ticket(self, number: int) -> bytes:
        ticket = self.seed
        for _ in range(CHAIN - number):
            ticket = identity.prev_hash(ticket)
        return ticket


@dataclass
class _Board:
    chain: _Chain = field(default_factory=_Chain)
    following: _Chain | None = None
    doubted: bool = False


class Tickets:
    """One for all links of a gateway: a board knows one chain, whatever link brought it."""

    def __init__(self) -> None:
        self._boards: dict[bytes, _Board] = {}

    def anchor(self, device: bytes) -> bytes:
        """For a beacon to `device`: the ticket before the next one."""
        board = self._board(device)
        if board.chain.at < RENEW_FROM:
            return board.chain.ticket(board.chain.at)
        if board.following is None:
            board.following = _Chain()
        return board.following.ticket(0)

    def told(self, device: bytes, anchor: bytes | None) -> None:
        """`device` accepted a beacon with `anchor`."""
        board = self._board(device)
        if board.following is not None and anchor == board.following.ticket(0):
            board.chain, board.following = board.following, None
        board.doubted = False
        board.chain.seen = board.chain.at

    def take(self, device: bytes) -> bytes:
        """The next ticket."""
        chain = self._board(device).chain
        # Not further than a board looks: who has heard nothing for days must know the next one.
        chain.at = min(chain.at + 1, chain.seen + codes.TICKETS_AHEAD, CHAIN)
        return chain.ticket(chain.at)

    def answered(self, device: bytes, reason: int) -> None:
        """`device` said what became of a frame behind the last ticket."""
        board = self._board(device)
        board.chain.seen = board.chain.at
        # It may not know this chain: after a restart, or because a beacon's fate was lost.
        board.doubted = board.doubted or reason == codes.R_BUSY

    def wants_beacon(self, device: bytes) -> bool:
        """Whether a beacon is worth sending before its time."""
        board = self._board(device)
        unseen = board.chain.at - board.chain.seen
        return board.doubted or unseen >= UNSEEN_MOST or board.chain.at >= RENEW_FROM

    def _board(self, device: bytes) -> _Board:
        board = self._boards.get(device)
        if board is None:
            board = self._boards[device] = _Board()
        return board
