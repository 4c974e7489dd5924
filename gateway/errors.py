"""The root of the gateway's errors: each says what is wrong, where, and what to do."""


class GatewayError(Exception):
    """Base of all named errors. `code` is short and stable: counters and reports use it."""

    code = "gateway_error"
    advice = ""

    def __init__(self, what: str, where: str = "", advice: str = "") -> None:
        self.what = what
        self.where = where
        self.advice = advice or self.advice
        super().__init__(what)

    def __str__(self) -> str:
        where = f" [{self.where}]" if self.where else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{type(self).__name__}: {self.what}{where}{advice}"
