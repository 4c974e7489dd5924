"""Turning intents into commands that boards obey: signed by the authority's control key."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.contracts.context import Event
from ledger.engine.db import SignedCommand
from ledger.setup import seal
from wireformat.control import Command

_COPIED = ("id", "counter", "target", "asset", "action", "value", "not_before_s", "expires_s")


def command_of(event: Event, height: int) -> Command:
    """The command that stands for the intent event of block `height`."""
    fields = {name: event.attributes[name] for name in _COPIED}
    return Command(**fields, height=height, index=event.index)


def sign_commands(
    intents: Iterable[Event], seed: bytes, chain_id: str, height: int
) -> list[SignedCommand]:
    """One signed command per intent event; Ed25519 is deterministic, so a replay signs the same."""
    signed = []
    for event in intents:
        command = command_of(event, height)
        data = seal(command, seed, chain_id)
        signed.append(SignedCommand(command.id, height, event.index, data))
    return signed
