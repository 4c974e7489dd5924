"""Where interrupts come from: a stream that becomes readable, and who then reads it.

On a chip they cut in between any two bytecodes; here they are served while the firmware waits.
"""

source = None
_serve = None


def listen(stream, serve):
    """Call `serve()` whenever `stream` is readable while the firmware waits."""
    global source, _serve
    if source is not None and source is not stream:
        raise NotImplementedError("pin interrupts beside a BLE radio are not emulated")
    source = stream
    _serve = serve


def dispatch():
    """Serve what made the stream readable."""
    _serve()
