"""Entry point on a board: reads the configuration and runs the role it names."""

import gc
import sys

# Loading leaves garbage; collected often, it does not scatter what stays over the whole heap.
gc.threshold(4096)

from core import paths  # noqa: E402
from core.errors import BoardError, NotProvisioned  # noqa: E402
from core.log import log  # noqa: E402

_PARSERS = ("core.config", "drivers.catalogue", "drivers.calibration_text")


def main() -> None:
    """Run the board; returns to the prompt only if it is not provisioned."""
    try:
        settings = _settings()
        _app(settings).run(settings)
    except BoardError as error:
        log("main", error)


def _settings() -> object:
    """The configuration. Raises `NotProvisioned` or `ConfigError`."""
    from core import config

    try:
        return config.load()
    except OSError:
        raise NotProvisioned("no configuration", paths.CONFIG, "provision this board")
    finally:
        # A board's heap is small, and nobody needs the parsers any more. Emptied as well, for the
        # reason that core.shed gives.
        for name in list(sys.modules):
            if name in _PARSERS or name.startswith("core.metering_"):
                package, _, module = name.rpartition(".")
                delattr(sys.modules[package], module)
                sys.modules.pop(name).__dict__.clear()


def _app(settings: object) -> object:
    if settings.protects:
        from mlmd import app
    else:
        from meter import app
    return app


if __name__ == "__main__":
    main()
