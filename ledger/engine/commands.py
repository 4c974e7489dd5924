"""Turning intents into commands that boards obey: signed by the authority's control key."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.contracts import registry
from ledger.contracts.context import Event, load
from ledger.contracts.objects import KeyCertificate
from ledger.engine.db import SignedCommand
from ledger.setup import seal
from ledger.state import State
from wireformat import codes
from wireformat.control import Command

_COPIED = ("id", "counter", "target", "asset", "action", "value", "not_before_s", "expires_s")


def command_of(event: Event, height: int) -> Command:
    """The command that stands for the intent event of block `height`."""
    fields = {name: event.attributes[name] for name in _COPIED}
    return Command(**fields, height=height, index=event.index)


def may_command(state: State, address: bytes, now_s: int) -> bool:
    """True if the control key at `address` holds a certificate in force at block time `now_s`."""
    cert = load(state, KeyCertificate, registry.CERT + address)
    return (
        cert is not None
        and cert.role == codes.CONTROL
        and not cert.revoked_height
        and cert.expires_s > now_s
    )


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
