"""Two slots on LittleFS in RAM on MicroPython: power cut at every flash operation of an update.

`unit_update.py STEP FIRST`: cuts at operations FIRST, FIRST + STEP, ... After each cut the boot
stage must choose a slot that is whole, byte for byte, and the update, begun again, must end.
"""

import hashlib
import json
import os
import sys

import vfs
from board_fakes import Flash, Nvs, PowerCutError, expect

nvs = Nvs()
reset_cause = [1]


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET = 1, 2, 3, 4

    @staticmethod
    def reset_cause():
        return reset_cause[0]

    @staticmethod
    def reset():
        raise SystemExit


class Esp32:
    @staticmethod
    def NVS(namespace):  # noqa: N802
        return nvs


sys.modules["machine"] = Machine
sys.modules["esp32"] = Esp32

from core.nvs import Store  # noqa: E402
from stage import start  # noqa: E402
from update.slots import Slots  # noqa: E402
from update.staging import Staging, make_folders  # noqa: E402
from wireformat import codes  # noqa: E402
from wireformat.listing import pack_entry  # noqa: E402

BLOCKS = 96


def files_of(version):
    """Two are the same in both versions, so that they are copied."""
    return {
        "core/same.mpy": b"same" * 700,
        "drivers/one.mpy": bytes([version]) * 5000,
        "drivers/small.mpy": b"%d" % version,
        "main.py": b"version = %d\n" % version,
        "same.mpy": b"also" * 40,
    }


def listing_of(files):
    return b"".join(
        pack_entry(path, len(files[path]), hashlib.sha256(files[path]).digest())
        for path in sorted(files)
    )


def offered(version):
    """As update.offer.Offer.facts has it."""
    files = files_of(version)
    size = sum(len(data) for data in files.values())
    return version, hashlib.sha256(listing_of(files)).digest(), len(files), size, b"{}"


def put(path, data):
    make_folders(path)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def drain(steps):
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def update(version):
    """What the cable does, then trial and confirmation: as far as the power lasts."""
    staging = Staging(offered(version), 32)
    Slots(Store(nvs)).end_trial()
    staging.begin()
    files = files_of(version)
    put(staging.new + "/files.cbor", listing_of(files))
    drain(staging.tidy_steps())
    for name, size, digest in list(staging.entries()):
        if not staging.has(name, size, digest) and not drain(
            staging.copy_steps(name, size, digest)
        ):
            put(staging.new + "/" + name, files[name])
    drain(staging.finish_steps())
    Slots(Store(nvs)).arm(version, False)
    boot()
    slots = Slots(Store(nvs))
    if slots.on_trial:
        expect("the new one is tried", running(), version)
        slots.confirm()
    slots.reported()


def boot(cause=1):
    reset_cause[0] = cause
    sys.path[:] = ["", ".frozen"]
    trial = start.choose()
    expect("something runs", trial is None, False)
    running()
    return trial


def running():
    """The version that was chosen; it must be all there."""
    root = sys.path[0]
    with open(root + "/main.py") as file:
        version = int(file.read().split("=")[1])
    for name, data in files_of(version).items():
        with open(root + "/" + name, "rb") as file:
            expect("%s of %d in %s" % (name, version, root), file.read() == data, True)
    return version


def power_up(data, blobs):
    """The same flash and NVS after a cut, with a new interpreter's eyes."""
    global nvs
    vfs.umount("/")
    flash = Flash(BLOCKS)
    flash.data[:] = data
    vfs.mount(vfs.VfsLfs2(flash), "/")
    nvs = Nvs()
    nvs.values.update(blobs)
    return flash


def new_board():
    flash = Flash(BLOCKS)
    vfs.VfsLfs2.mkfs(flash)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash), "/")
    for name, data in files_of(1).items():
        put("/a/" + name, data)
    put("/a/firmware.json", b"{}")
    expect("boots", boot(), False)
    return flash


def power_cuts(first, step):
    flash = new_board()
    before, blobs = bytes(flash.data), dict(nvs.values)
    flash.operations = 0
    sets = nvs.commits
    update(2)
    expect("updated", (running(), Slots(Store(nvs)).floor), (2, 2))
    operations, sets = flash.operations, nvs.commits - sets
    seen = set()
    for cut in range(first, operations, step):
        seen.add(cut_at(before, blobs, cut, None))
    for cut in range(sets):
        seen.add(cut_at(before, blobs, None, cut))
    expect("both were seen after a cut", seen, {1, 2})
    return operations, sets


def cut_at(before, blobs, operation, set_):
    """Cut in the middle of an update, start, and update again; what ran in between."""
    flash = power_up(before, blobs)
    boot()
    flash.cut_after, nvs.sets_left = operation, set_
    try:
        update(2)
        print("FAILED: no cut at", operation, set_)
        sys.exit(1)
    except (PowerCutError, KeyboardInterrupt):
        pass
    power_up(flash.data, nvs.values)
    boot()
    found = running()
    slots = Slots(Store(nvs))
    if found == 1:
        update(2)
    elif slots.on_trial:
        slots.confirm()
    boot()
    expect("the update ends, after a cut at %s %s" % (operation, set_), running(), 2)
    return found


def trials():
    """How a trial ends without being confirmed."""
    for cause, starts, why in (
        (Machine.HARD_RESET, 1, codes.RB_CRASH),
        (Machine.WDT_RESET, 1, codes.RB_WATCHDOG),
        (Machine.PWRON_RESET, 3, codes.RB_STARTS),
    ):
        flash = new_board_with_two()
        Slots(Store(nvs)).arm(2, False)
        # The restart that begins the trial is the old firmware's.
        expect("tried", boot(Machine.HARD_RESET), True)
        for _ in range(starts - 1):
            expect("tried again", boot(cause), True)
        expect("rolled back", boot(cause), False)
        slots = Slots(Store(nvs))
        expect("and said so", (running(), slots.report, slots.index), (1, why, 2))
        slots.reported()
        expect("told once", Slots(Store(nvs)).report, 0)
        power_up(flash.data, {})
    os.remove("/b/firmware.json")
    Slots(Store(nvs)).arm(2, False)
    expect("half a slot is not tried", boot(), False)
    expect("and said so", Slots(Store(nvs)).report, codes.RB_HALF)


def new_board_with_two():
    global nvs
    nvs = Nvs()
    flash = new_board()
    for name, data in files_of(2).items():
        put("/b/" + name, data)
    put("/b/firmware.json", json.dumps({}).encode())
    return flash


trials()
nvs = Nvs()
operations, sets = power_cuts(int(sys.argv[2]), int(sys.argv[1]))
print("cut at every %s of %d flash operations and %d NVS writes" % (sys.argv[1], operations, sets))
print("ok")
