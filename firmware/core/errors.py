"""Everything that can go wrong on a board, by name: what, where, what to do."""


class BoardError(Exception):
    """Base of the firmware's own errors; `str` gives what, where and what to do."""

    def __init__(self, what: str, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo
        parts = [what]
        if where:
            parts.append("at " + where)
        if todo:
            parts.append(todo)
        super().__init__("%s: %s" % (type(self).__name__, "; ".join(parts)))


class ConfigError(BoardError):
    """A field of config.json that the firmware can't run with."""

    def __init__(self, field: str, expected: str) -> None:
        self.field = field
        super().__init__(
            "%s: expected %s" % (field, expected), "/config.json", "provision the board again"
        )


class NotProvisioned(BoardError):
    """No key or no configuration on this board yet."""


class StorageError(BoardError):
    """NVS refused to keep a value; nothing that depends on it may happen."""


class JournalError(BoardError):
    """A record could not be written to flash; it has not left the board."""


class JournalFull(JournalError):
    """No room on flash for another record."""


class SensorError(BoardError):
    """A metering module gave no usable answer."""


class SensorSilent(SensorError):
    """No answer within the time limit."""


class SensorGarbled(SensorError):
    """An answer whose length or CRC is wrong."""


class SensorRefused(SensorError):
    """The module answered with a Modbus exception."""
