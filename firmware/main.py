"""Entry point on a board: reads the configuration and runs the role it names."""

from core import config
from core.errors import BoardError, ConfigError, NotProvisioned
from core.log import log


def main() -> None:
    """Run the board; returns to the prompt only if it is not provisioned."""
    try:
        settings = config.load()
    except OSError:
        log("main", NotProvisioned("no configuration", config.PATH, "provision this board"))
        return
    except ConfigError as error:
        log("main", error)
        return
    try:
        _role(settings.role).run(settings)
    except BoardError as error:
        log("main", error)


def _role(role: int) -> object:
    # Only the role in use is loaded: a board's heap is small.
    if role == config.codes.METER:
        from meter import app
    else:
        from mlmd import app
    return app


if __name__ == "__main__":
    main()
