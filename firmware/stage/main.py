"""/main.py of a board: the boot stage. It chooses a slot and runs what is there.

No update ever replaces it, so it does little: what it knows of slots is in start.py beside it.
"""

import sys


def _stage() -> object:
    """What chooses; not kept, for a running board's heap is small and the choice is made once."""
    from stage import start

    del sys.modules["stage.start"], sys.modules["stage"]
    return start


trial = _stage().choose()

if trial is not None:
    try:
        import main

        main.main()
    except Exception as error:
        if not trial:
            raise
        sys.print_exception(error)
    if trial:
        # New firmware that came to an end is no firmware.
        _stage().crashed()
