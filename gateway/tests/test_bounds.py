"""What strangers can make grow, show or reach: bounded, printable, and theirs alone."""

import asyncio
import os
import stat
from dataclasses import replace

import pytest

from gateway.admit.chain import MAX_LEADING, leading_to
from gateway.config import load_config
from gateway.directory import MAX_WANTED, Directory
from gateway.errors import SHOWN_CHARS, GatewayError
from gateway.run import DataDirInUse, OtherGenesis, load_genesis, run_gateway
from gateway.signer import BadAckCertificate, Signer, load_ack_certificate
from gateway.store import Permit
from gateway.tests.plant import Plant
from gateway.tests.signing import CHAIN, T0
from ledger import keys, setup
from ledger.lockfile import LockFile
from wireformat import codes


def test_ever_new_addresses_on_a_bus_fill_no_memory():
    directory = Directory()
    for number in range(2000):
        directory.entry(number.to_bytes(20, "big"))
    assert len(directory.wanted) == MAX_WANTED


def test_what_a_stranger_says_can_not_forge_a_log_or_fill_it():
    shown = str(GatewayError("ok\n2026 INFO all well \x1b[2J" + "x" * 10_000, "bus0"))
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert len(shown) < SHOWN_CHARS + 100


def gap(first, last) -> Permit:
    return Permit(b"d" * 20, first, last, repr((first, last)).encode())


def test_all_the_gaps_that_lead_to_a_record_are_found_and_no_others():
    gaps = [gap((1, 3), (1, 8)), gap((1, 9), (1, 14)), gap((1, 12), (1, 20)), gap((2, 5), (2, 6))]
    assert leading_to((1, 21), gaps) == gaps[:3]
    assert leading_to((2, 0), gaps) == gaps[:3]
    assert leading_to((2, 7), gaps) == gaps[3:]
    assert leading_to((1, 30), gaps) == []
    many = [gap((1, n), (1, n)) for n in range(100)]
    assert leading_to((1, 100), many) == many[-MAX_LEADING:]


@pytest.mark.parametrize(("area", "fits"), [(0, True), (1, True), (2, False)])
def test_an_ack_certificate_for_every_area_serves_too(tmp_path, area, fits):
    seed, root = keys.create_seed(tmp_path / "gateway.key"), b"\x01" * 32
    signed = setup.certify(
        root, CHAIN, role=codes.ACK, area=area, public_key=keys.public_key(seed), serial=1,
        expires_s=T0,
    )  # fmt: skip
    (tmp_path / "ack.cert").write_text(signed.hex())
    arguments = (tmp_path / "ack.cert", Signer(seed, CHAIN), CHAIN, keys.public_key(root), 1)
    if fits:
        assert load_ack_certificate(*arguments)[0].area == area
        return
    with pytest.raises(BadAckCertificate):
        load_ack_certificate(*arguments)


def test_two_gateways_never_share_a_folder_and_nobody_else_reads_it(tmp_path):
    plant = Plant(tmp_path, 1)
    plant.url = "http://127.0.0.1:1"
    config = load_config(plant.write_config())
    os.umask(0o022)
    config.data_dir.mkdir()
    with (
        LockFile(config.data_dir / "lock", DataDirInUse("")),
        pytest.raises(DataDirInUse, match="another gateway"),
    ):
        asyncio.run(run_gateway(config, plant.clock))
    (config.data_dir / "lock").unlink()
    config.data_dir.rmdir()
    broken = replace(config, ledger=replace(config.ledger, chain_id="other"))
    with pytest.raises(OtherGenesis, match="chain_id is other, there"):
        asyncio.run(run_gateway(broken, plant.clock))
    assert stat.S_IMODE(config.data_dir.stat().st_mode) == 0o700
    assert load_genesis(config).chain_id == CHAIN
