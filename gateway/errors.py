"""The root of the gateway's errors: each says what is wrong, where, and what to do."""

SHOWN_CHARS = 500


def printable(text: str) -> str:
    """`text` from a stranger, fit for a log, a terminal and a status file: one line, not long."""
    cut = text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "..."
    return "".join(char if char.isprintable() else "?" for char in cut)


class GatewayError(Exception):
    """Base of all named errors. `code` is short and stable: counters and reports use it."""

    code = "gateway_error"
    todo = ""

    def __init__(self, what: str, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo or self.todo
        super().__init__(what)

    def __str__(self) -> str:
        where = f" [{self.where}]" if self.where else ""
        todo = f"; {self.todo}" if self.todo else ""
        return f"{type(self).__name__}: {printable(self.what)}{where}{todo}"
