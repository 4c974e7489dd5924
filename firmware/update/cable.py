"""An update over the cable: called at the prompt by `truewatt device update`, in this order.

offer(certificate, release)   is it for this board? then the other slot is made free
wanted()                      with the listing in place: copies what is the same, says the rest
finish()                      all there? then the next start tries it
"""

import gc
import sys

from esp32 import NVS

from core.nvs import NAMESPACE, Store
from update.errors import UpdateError
from update.slots import Slots
from update.staging import Staging
from wireformat import codes, cose
from wireformat.errors import WireError

_staging = _slots = None


def offer(certificate: str, release: str) -> None:
    """Check both (hexadecimal; no certificate: the root signed); prints the new slot's folder.

    Raises `UpdateError`; then nothing was changed.
    """
    global _staging, _slots
    before = set(sys.modules)
    store = Store(NVS(NAMESPACE))
    _slots = Slots(store)
    accepted, journal_kib = _judge(
        bytes.fromhex(certificate), bytes.fromhex(release), store, _slots
    )
    _staging = Staging(accepted, journal_kib)
    _forget(before)
    _slots.end_trial()
    _staging.begin()
    print("SLOT " + _staging.new)


def _judge(certificate: bytes, release: bytes, store: Store, slots: Slots) -> tuple:
    """What was accepted, if it is for this board, and the journal's share in KiB.

    What verifies is loaded here only: a board at its prompt has a small heap too.
    """
    import time

    from core import config
    from core.certificates import Certificates
    from core.clock import Clock
    from crypto import ed25519
    from update.offer import Offer

    settings = config.load()
    certificates = Certificates(settings.operator_root, settings.area, store, Clock(time))
    if certificate:
        _certify(certificate, settings.chain_id, certificates, ed25519.verify)
    offered = Offer(release, settings.chain_id, certificates)
    if not ed25519.verify(offered.key, offered.to_be_signed, offered.signature):
        raise _forged("the release")
    offered.require(settings.role, slots.floor)
    return offered.facts(), settings.journal_kib


def _forget(before: set) -> None:
    """Unload the modules that were loaded since, so that there is room for files."""
    for name in list(sys.modules):
        if name not in before:
            del sys.modules[name]
    gc.collect()


def wanted() -> None:
    """Print `WANT path` for each file that has to be sent. Raises `UpdateError`."""
    if not _staging.has_listing():
        raise UpdateError("HalfImage", "not the listing that was signed", _staging.new, "send it")
    _drain(_staging.tidy_steps())
    for name, size, digest in _staging.entries():
        if _staging.has(name, size, digest):
            continue
        if not _drain(_staging.copy_steps(name, size, digest)):
            print("WANT " + name)


def finish() -> None:
    """Check all, arm the trial. Raises `UpdateError`."""
    _drain(_staging.finish_steps())
    _slots.arm(_staging.index, False)
    print("ARMED")


def _certify(data: bytes, chain_id: str, certificates: object, verify: object) -> None:
    """Take the release key's certificate. Raises `UpdateError`."""
    from wireformat.control import Certificate

    try:
        envelope = cose.split(data, 240)
        record = Certificate.from_payload(envelope.payload)
    except WireError as error:
        raise UpdateError("BadRelease", str(error), "its certificate", "get the file again")
    reason = certificates.fault(record)
    if record.role != codes.RELEASE:
        reason = codes.R_WRONG_ROLE
    if reason:
        what = "refused, reason %d" % reason
        raise UpdateError("BadSignature", what, "its certificate", "renew it")
    signed = envelope.to_be_signed(cose.external_aad(Certificate.TYPE, chain_id))
    if not verify(certificates.root, signed, envelope.signature):
        raise _forged("its certificate")
    certificates.accept(record)


def _forged(where: str) -> UpdateError:
    what = "not signed by this board's operator for this chain"
    return UpdateError("BadSignature", what, where, "get another")


def _drain(steps: object) -> object:
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
