"""`truewatt gateway mqtt-setup`: what a Mosquitto needs to serve a gateway and its boards.

A private CA, a certificate for the broker, one for the gateway and one a board (its common name is
the board's address, so that the access list binds it to its own topics), a configuration with TLS
and persistence, and notes for systemd. What is there is kept: run it again to add boards.
"""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

from gateway.errors import GatewayError
from gateway.mqtt import drops
from wireformat.identity import ADDRESS_BYTES

CA_DAYS, LEAF_DAYS = 7300, 3650
PORT = 8883
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_IP = re.compile(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]+")
_NAME = re.compile(r"[0-9a-zA-Z._:-]{1,253}")


class SetupError(GatewayError):
    """The broker's files can't be made as asked."""

    code = "mqtt_setup"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `mqtt-setup` to the gateway's commands."""
    parser = commands.add_parser(
        "mqtt-setup",
        help="write a Mosquitto configuration with TLS, certificates and an access list",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--host", required=True, help="the broker's name or address")
    parser.add_argument("--area", type=int, required=True, help="the gateway's area")
    parser.add_argument("--gateway", default="gw1", help="the gateway's name (gw1)")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument(
        "--state",
        default="/var/lib/mosquitto",
        metavar="DIR",
        help="where the broker keeps its own",
    )
    parser.add_argument(
        "--device", action="append", default=[], metavar="ADDRESS", help="a board: 40 hex digits"
    )
    parser.set_defaults(setup=_main)


def _main(arguments: argparse.Namespace) -> int:
    a = arguments
    setup = Setup(a.out, a.host, a.area, a.gateway, a.port, a.state)
    made = setup.write([_address(text) for text in a.device])
    print(f"{a.out}: {made} certificate(s) made; read {a.out / 'README'}")
    return 0


class Setup:
    """The folder `out` with all of it."""

    def __init__(
        self, out: Path, host: str, area: int, gateway: str, port: int = PORT, state: str = ""
    ) -> None:
        if not _NAME.fullmatch(host):
            raise SetupError(f"{host!r} is no host", "--host")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", gateway):
            raise SetupError(f"{gateway!r} is no gateway's name", "--gateway")
        self._out, self._host, self._area = out.absolute(), host, area
        self._user, self._port = f"gateway-{gateway}", port
        self._state = state or "/var/lib/mosquitto"
        self._made = 0

    def write(self, devices: list[bytes]) -> int:
        """Make what is missing; how many certificates that was. Raises `SetupError`."""
        self._out.mkdir(parents=True, exist_ok=True)
        self._authority()
        kind = "IP" if _IP.fullmatch(self._host) else "DNS"
        self._certify("server", self._host, f"subjectAltName={kind}:{self._host}", "serverAuth")
        self._certify("gateway", self._user, "", "clientAuth")
        (self._out / "devices").mkdir(exist_ok=True)
        for device in devices:
            self._certify(f"devices/{device.hex()}", device.hex(), "", "clientAuth")
            self._for_board(f"devices/{device.hex()}")
        self._text("mosquitto.conf", self._configuration())
        self._text("acl", self._access())
        self._text("truewatt.conf", _SYSTEMD)
        self._text("README", _README.format(out=self._out, host=self._host, port=self._port))
        return self._made

    # ---- certificates --------------------------------------------------------------------------

    def _authority(self) -> None:
        if self._there("ca"):
            return
        self._openssl(
            "req", "-x509", *_EC, "-keyout", "ca.key", "-out", "ca.crt", "-days", str(CA_DAYS),
            "-subj", f"/CN=truewatt area {self._area}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        self._openssl("x509", "-in", "ca.crt", "-outform", "DER", "-out", "ca.der")

    def _certify(self, name: str, common_name: str, extension: str, usage: str) -> None:
        if self._there(name):
            return
        rules = f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage={usage}\n{extension}\n"
        self._text("extensions", rules)
        self._openssl(
            "req", "-new", *_EC, "-keyout", f"{name}.key", "-out", "request",
            "-subj", f"/CN={common_name}",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", "request", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", str(LEAF_DAYS), "-extfile", "extensions",
            "-out", f"{name}.crt",
        )  # fmt: skip
        for scrap in ("extensions", "request"):
            (self._out / scrap).unlink()
        self._made += 1

    def _for_board(self, name: str) -> None:
        """DER, as MicroPython loads it on every port."""
        self._openssl("x509", "-in", f"{name}.crt", "-outform", "DER", "-out", f"{name}.crt.der")
        self._openssl("pkey", "-in", f"{name}.key", "-outform", "DER", "-out", f"{name}.key.der")

    def _there(self, name: str) -> bool:
        return all((self._out / f"{name}.{kind}").is_file() for kind in ("key", "crt"))

    def _openssl(self, *words: str) -> None:
        program = shutil.which("openssl")
        if program is None:
            raise SetupError("no openssl here", "PATH", "apt install openssl")
        done = subprocess.run(
            [program, *words],
            cwd=self._out,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            # Keys are nobody else's.
            preexec_fn=lambda: os.umask(0o077),
        )
        if done.returncode:
            raise SetupError(f"openssl {words[0]}: {done.stderr.strip()[-300:]}", str(self._out))

    # ---- texts ---------------------------------------------------------------------------------

    def _text(self, name: str, text: str) -> None:
        (self._out / name).write_text(text)

    def _configuration(self) -> str:
        return _CONFIGURATION.format(out=self._out, port=self._port, state=self._state.rstrip("/"))

    def _access(self) -> str:
        own = f"tw/{self._area}/%u"
        every = f"tw/{self._area}/+"
        rows = ["# A board (its user name is its address) may use its own topics."]
        rows += [f"pattern write {own}/{leaf}" for leaf in ("rec", "live", "out")]
        rows += [f"pattern read {own}/{leaf}" for leaf in ("ack", "cmd")]
        rows += ["", f"user {self._user}"]
        rows += [f"topic read {every}/{leaf}" for leaf in ("rec", "live", "out")]
        rows += [f"topic write {every}/{leaf}" for leaf in ("ack", "cmd")]
        rows += [f"topic read {drops.TOPIC}"]
        return "\n".join(rows) + "\n"


def _address(text: str) -> bytes:
    try:
        device = bytes.fromhex(text)
    except ValueError:
        device = b""
    if len(device) != ADDRESS_BYTES:
        raise SetupError(f"{text!r} is no board's address of 40 hex digits", "--device")
    return device


_CONFIGURATION = """\
# Written by `truewatt gateway mqtt-setup`.
listener {port}
cafile {out}/ca.crt
certfile {out}/server.crt
keyfile {out}/server.key
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {out}/acl

# Without these the broker forgets sessions and what waits in them at each restart.
persistence true
persistence_location {state}/
autosave_interval 300
persistent_client_expiration 30d

# The gateway acknowledges after its commit, a thousand at a time: 20 in flight would be its bound.
max_inflight_messages 0
# Beyond that (some 30 MB of records) it drops, and counts: the gateway reads the count and says so;
# boards send again what it did not sign for.
max_queued_messages 100000
sys_interval 10
max_packet_size 2048
retain_available false
set_tcp_nodelay true
"""

_SYSTEMD = """\
# /etc/systemd/system/mosquitto.service.d/truewatt.conf
[Service]
Restart=always
RestartSec=2
LimitNOFILE=8192
"""

_README = """\
The broker of a Truewatt area. On the machine that runs Mosquitto, as root:

  apt install mosquitto
  install -m 0644 {out}/mosquitto.conf /etc/mosquitto/conf.d/truewatt.conf
  chgrp -R mosquitto {out} && chmod 0750 {out}
  chmod 0640 {out}/server.key {out}/server.crt {out}/ca.crt {out}/acl
  install -D -m 0644 {out}/truewatt.conf /etc/systemd/system/mosquitto.service.d/truewatt.conf
  systemctl daemon-reload && systemctl restart mosquitto

Keep ca.key away from the network: who has it can make a board's or the gateway's certificate.
(No one can forge readings or commands with it: those are signed by other keys.)

The gateway's gateway.toml:

  [mqtt]
  host = "{host}"
  port = {port}
  ca_file = "{out}/ca.crt"
  certificate = "{out}/gateway.crt"
  private_key = "{out}/gateway.key"

Each board gets three files on its flash, named in its config.json:
  ca.der, devices/ADDRESS.crt.der, devices/ADDRESS.key.der
  "mqtt": {{"ssid": "...", "psk": "...", "host": "{host}", "port": {port},
           "ca": "/ca.der", "certificate": "/mqtt.crt.der", "key": "/mqtt.key.der"}}

More boards: run the same command again with --device ADDRESS for each; the broker need not restart.
"""
