"""Who an attested device is: a key per device, made here, and the enrolment that it signs."""

from pathlib import Path

from gateway.config import MeterConfig
from gateway.signer import Signer
from ledger.keys import load_or_create_seed
from wireformat import codes
from wireformat.control import Enrolment

FIRMWARE = "attested 1"
"""In place of a firmware version: which generation of this package signs."""

MAX_HARDWARE_ID_BYTES = 16

_KINDS = {name: code for code, name in codes.CHANNEL_KINDS.items()}
_ENERGY = {name: code for code, name in codes.ENERGY_TYPES.items()}


def device_signer(data_dir: Path, name: str, chain_id: str) -> Signer:
    """The signer of the device called `name`; its key is made when it is first asked for.

    Raises `ledger.keys.KeyFileError`.
    """
    return Signer(load_or_create_seed(data_dir / "attest" / f"{name}.key"), chain_id)


def enrolment(signer: Signer, config: MeterConfig, assets: int) -> bytes:
    """The device's signed request to join, for an installer to countersign.

    `assets`: how many parts of it can be commanded.
    """
    identifier = (config.serial or config.name).encode()
    record = Enrolment(
        public_key=signer.public_key,
        role=codes.ATTESTED,
        channels=[[_KINDS[config.kind], _ENERGY[config.energy]]],
        hardware_id=identifier[:MAX_HARDWARE_ID_BYTES],
        firmware=FIRMWARE,
        relays=assets if config.control else 0,
        fixed_limit_w=None,
    )
    return signer.sign(record)
