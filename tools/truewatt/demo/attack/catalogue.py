"""All attacks, in the order in which they are explained."""

from __future__ import annotations

import textwrap
from random import Random

from truewatt.demo.attack import bombs, clocks, clone, commands, gateway_key, node, readings, wires
from truewatt.demo.attack.base import Attack

ALL = "all"
LIST = "list"

ATTACKS: tuple[type[Attack], ...] = (
    readings.Tampered,
    readings.Replayed,
    readings.Reordered,
    readings.Forged,
    commands.ForgedCommand,
    commands.ExpiredCommand,
    commands.ReplayedCommand,
    commands.RedirectedCommand,
    commands.OldCertificate,
    commands.PlainWrites,
    clocks.TimeAttacks,
    bombs.CborBombs,
    wires.Jamming,
    node.ForgedNode,
    node.WithheldCommands,
    node.ForgedTransactions,
    gateway_key.StolenGatewayKey,
    clone.ClonedBoard,
)
BY_NAME = {attack.name: attack for attack in ATTACKS}


class UnknownAttack(ValueError):
    """A name that is no attack's."""


def selected(words: str, seed: int) -> list[type[Attack]]:
    """The attacks of `NAME[,NAME]` or `all`, in an order of the seed's; what spoils goes last.

    Raises `UnknownAttack`.
    """
    names = list(BY_NAME) if words == ALL else words.split(",")
    for name in names:
        if name not in BY_NAME:
            raise UnknownAttack(f"no attack {name!r}; there are: {', '.join(BY_NAME)}")
    chosen = [attack for attack in ATTACKS if attack.name in names]
    Random(f"attacks-{seed}").shuffle(chosen)
    # The key before the clone: it must find every board in service.
    return sorted(chosen, key=lambda attack: (attack.spoils, attack is clone.ClonedBoard))


def explained() -> str:
    """Each attack in a few lines."""
    paragraphs = []
    for attack in ATTACKS:
        lines = [f"{attack.name} (holds {attack.holds})"]
        lines += textwrap.wrap(attack.does, 96, initial_indent="  ", subsequent_indent="  ")
        text = f"Stopped by: {attack.stopped_by}"
        lines += textwrap.wrap(text, 96, initial_indent="  ", subsequent_indent="  ")
        paragraphs.append("\n".join(lines))
    return "\n".join(paragraphs)
