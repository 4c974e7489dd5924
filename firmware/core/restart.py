"""What a start of the board means for its relays: did the mains fail, or only the board restart?"""

_KEPT_MAINS = (2, 3, 5)
"""machine.HARD_RESET, WDT_RESET, SOFT_RESET. All else, unknown causes too, counts as an outage."""
BROWN_OUT = 6
"""A cause of ours, in the boot event; the supply has sagged, so it counts as an outage."""


def closed_at_start(config: object, reset_cause: int, held_open: tuple) -> "list[bool]":
    """The state that each relay takes when the board begins to drive its pin.

    After an outage relays with a restore delay are open, so that loads return one after the other.
    Without one, or where only the board restarted, a relay whose safe state is closed is closed at
    once: a load that was on stays on. `held_open`: numbers of relays that protection keeps open.
    """
    at_once = reset_cause in _KEPT_MAINS or config.restore_delay_s[1] == 0
    return [
        at_once and relay.safe_closed and number not in held_open
        for number, relay in enumerate(config.relays)
    ]
