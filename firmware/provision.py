"""What a person does to a board over its console: make its key, configure it, look at it.

Run with `mpremote exec`; the results are printed as one line each.
"""

import json
import os
import sys

import machine

from board import open_store
from core import config, life, paths
from crypto import ed25519
from journal.journal import Journal
from wireformat.control import Enrolment
from wireformat.schema import Unsigned

FIRMWARE = "0.1.0"
INDEX = 1
"""Roll-back index: raised by a release whose predecessors have a flaw that must not come back."""


def run(text: str) -> None:
    """Configure the board with the JSON `text`, make its key if it has none, print ENROLMENT.

    With "ble" also PASSKEY: a new one each time, for the label; it can't be had again, and who had
    paired with the old one must pair anew. Raises `ConfigError`; then nothing was changed.
    """
    settings = config.parse(text)
    if settings.metering.port == "counters":
        from links.counters_port import require

        require()
    with _Noise():
        seed = _seed()
        passkey = None if settings.ble is None else _draw_passkey()
    enrolment = _enrolment(settings, seed)
    _write(paths.CONFIG, text.encode())
    _write(paths.ENROLMENT, enrolment)
    print("ENROLMENT " + enrolment.hex())
    if passkey is not None:
        _keep_passkey(passkey)
        print("PASSKEY %06d" % passkey)


def info() -> None:
    """Print what this board is, as JSON."""
    store = open_store()
    seed = store.blob("seed")
    facts = {
        "firmware": FIRMWARE,
        "hardware_id": _hardware_id().hex(),
        "public_key": ed25519.public_key(seed).hex() if len(seed) == paths.SEED_BYTES else None,
        "epoch": store.number("epoch"),
        "counter": store.uint("counter"),
        "locked_out": store.number("lockout") == 1,
        "relay_switches": life.counts(store),
        "crystal_fast_ppm": store.number("drift"),
        "ble_passkey_set": store.number("passkey", -1) >= 0,
    }
    facts["name"] = facts["role"] = None
    try:
        settings = config.load()
        facts["name"], facts["role"] = settings.name, "mlmd" if settings.protects else "meter"
    except (OSError, config.ConfigError):
        pass
    print(json.dumps(facts))


def dump_journal() -> None:
    """Print every record on flash, acknowledged ones included: `<code> <hex>`."""
    journal = Journal(paths.JOURNAL, 0)
    journal.recover((0, 0))
    for code, _, record in journal.records():
        print(code, record.hex())


def clear_lockout() -> None:
    """A person has looked at the section: let the breaker close again at the next start."""
    open_store().commit(lockout=0, trips=0, cause=0)


def factory_reset() -> None:
    """Destroy key, configuration and journal. The board must be reset after it.

    The firmware that does not run goes before all: without NVS nobody knows which is newer. Then
    the key: cut in the middle, what is left is no identity any more.
    """
    for slot in ("/a", "/b"):
        if slot != sys.path[0]:
            _remove(slot + "/firmware.json")
    _erase_nvs()
    for path in (paths.CONFIG, paths.ENROLMENT):
        _remove(path)
    try:
        names = [entry[0] for entry in os.ilistdir(paths.JOURNAL)]
    except OSError:
        return
    for name in names:
        os.remove(paths.JOURNAL + "/" + name)


def _erase_nvs() -> None:
    """Erase the flash under the NVS: what is merely deleted in it stays readable (ESP-IDF, NVS)."""
    from esp32 import Partition

    for part in Partition.find(Partition.TYPE_DATA, label="nvs"):
        for block in range(part.ioctl(4, 0)):
            part.ioctl(6, block)


def _hardware_id() -> bytes:
    """The chip's own id, 1 to 16 bytes; a running board does not ask for it."""
    return machine.unique_id()[:16]


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there


class _Noise:
    """The radio is on, and awake, while secrets are drawn: the chip's generator is a true one then.

    Without it, it is pseudo-random only (ESP-IDF, "Random Number Generation"). Raises `OSError` if
    the radio does not come on; a chip without one goes on with what it has.
    """

    def __init__(self) -> None:
        self._radio = None

    def __enter__(self) -> None:
        try:
            import network
        except ImportError:
            return
        radio = network.WLAN(network.WLAN.IF_STA)
        if not radio.active():
            self._radio = radio
            radio.active(True)
        # Asleep between beacons, it makes no noise.
        radio.config(pm=radio.PM_NONE)

    def __exit__(self, *_: object) -> None:
        if self._radio is not None:
            self._radio.active(False)


def _seed() -> bytes:
    store = open_store()
    seed = store.blob("seed")
    if len(seed) != paths.SEED_BYTES:
        seed = os.urandom(paths.SEED_BYTES)
        store.commit(seed=seed)
    return seed


def _draw_passkey() -> int:
    from wireformat.ble_map import PASSKEY_END

    passkey = PASSKEY_END
    while passkey >= PASSKEY_END:  # 20 bits, drawn again until they are below a million
        passkey = int.from_bytes(os.urandom(3), "big") & 0xFFFFF
    return passkey


def _keep_passkey(passkey: int) -> None:
    from links.ble_bonds import Bonds

    store = open_store()
    Bonds(store).forget_all()
    store.commit(passkey=passkey)


def _enrolment(settings: object, seed: bytes) -> bytes:
    key = ed25519.SigningKey(seed)
    record = Enrolment(
        public_key=key.public,
        role=settings.role,
        channels=[[channel.kind, channel.energy] for channel in settings.channels],
        hardware_id=_hardware_id(),
        firmware=FIRMWARE,
        relays=settings.asset_count,
        fixed_limit_w=settings.fixed_limit_w,
        calibration=settings.calibration,
    )
    unsigned = Unsigned(record, key.public, settings.chain_id)
    return unsigned.with_signature(key.sign(unsigned.to_be_signed))


def _write(path: str, data: bytes) -> None:
    # A power cut leaves the old file or the new one (lfs2_rename is atomic).
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)
