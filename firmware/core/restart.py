"""What a start of the board means for its relays: did the mains fail, or only the board restart?"""

_KEPT_MAINS = (2, 3, 5)
"""machine.HARD_RESET, WDT_RESET, SOFT_RESET. All else, unknown causes too, counts as an outage."""


def closed_at_start(relays: list, reset_cause: int, held_open: tuple) -> "list[bool]":
    """The state that each relay takes when the board begins to drive its pin.

    After an outage all are open, so that loads return one after the other. Where only the board
    restarted, a relay whose safe state is closed is closed at once: a load that was on stays on.
    `held_open` are the numbers of relays that protection keeps open.
    """
    kept = reset_cause in _KEPT_MAINS
    return [
        kept and relay.safe_closed and number not in held_open
        for number, relay in enumerate(relays)
    ]
