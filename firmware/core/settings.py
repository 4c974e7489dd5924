"""What the configuration says, as plain attributes named as in `/config.json`."""


class Settings:
    """Made by `core.config`; it has no methods, so that the parser can leave the heap."""

    # Not of each object: a table with two more places takes 64 bytes.
    sntp = None
    drift = False
