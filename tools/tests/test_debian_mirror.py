"""Finding this machine's Debian mirror in apt's source files (sources.list(5), both formats)."""

from pathlib import Path

import pytest

from truewatt.toolchain.debian_mirror import MIRROR_VARIABLE, archive_keyring, debian_mirrors
from truewatt.toolchain.errors import DebianSourceError

DEB822 = """\
# the stock file of a container
Types: deb
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
THIRD_PARTY = """\
Types: deb
URIs: https://deb.vendor.example/node_20.x
Suites: nodistro
Components: main
"""


@pytest.fixture
def etc_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_deb822_file_skips_security_and_third_parties(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    (etc_apt / "sources.list.d" / "a-vendor.sources").write_text(THIRD_PARTY)
    assert debian_mirrors(etc_apt) == ["http://mirror.example/debian"]


def test_one_line_file_with_options_and_comments(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text(
        "# deb http://commented.example/debian trixie main\n"
        "deb-src http://source.example/debian trixie main\n"
        "deb [arch=arm64 signed-by=/k.gpg] https://one.example/debian trixie main contrib # x\n"
    )
    assert debian_mirrors(etc_apt) == ["https://one.example/debian"]


def test_raspberry_pi_os_own_archive_is_not_debians(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text("deb http://deb.example/debian bookworm main\n")
    (etc_apt / "sources.list.d" / "raspi.list").write_text(
        "deb http://archive.raspberrypi.example/debian/ bookworm main\n"
    )
    assert debian_mirrors(etc_apt) == ["http://deb.example/debian"]


def test_several_mirrors_keep_apts_order_once_each(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text(
        "deb http://b.example/debian trixie main\n"
        "deb http://a.example/debian trixie main\n"
        "deb http://b.example/debian trixie-updates main\n"
    )
    assert debian_mirrors(etc_apt) == ["http://b.example/debian", "http://a.example/debian"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Types: deb-src\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main\n",
        "Enabled: no\nTypes: deb\nURIs: http://m.example/d\nSuites: trixie\nComponents: main\n",
        "Types: deb\nURIs: cdrom:[disc]/debian\nSuites: trixie\nComponents: main\n",
        "Types: deb\nURIs: http://m.example/debian\nSuites: noble\nComponents: main\n",
    ],
)
def test_no_mirror_is_a_named_error_that_says_what_to_set(etc_apt: Path, source: str) -> None:
    (etc_apt / "sources.list.d" / "x.sources").write_text(source)
    with pytest.raises(DebianSourceError) as caught:
        debian_mirrors(etc_apt)
    assert MIRROR_VARIABLE in caught.value.todo
    assert caught.value.where == str(etc_apt)


def test_the_environment_outranks_apts_sources(
    etc_apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc_apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    monkeypatch.setenv(MIRROR_VARIABLE, "http://chosen.example/debian/")
    assert debian_mirrors(etc_apt) == ["http://chosen.example/debian"]


def test_folded_fields_belong_to_the_field_above(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d" / "x.sources").write_text(
        "Types: deb\nURIs:\n http://fold.example/debian\nSuites: trixie\nComponents:\n main\n"
    )
    assert debian_mirrors(etc_apt) == ["http://fold.example/debian"]


def test_missing_archive_keys_name_the_package(tmp_path: Path) -> None:
    with pytest.raises(DebianSourceError, match="apt install debian-archive-keyring"):
        archive_keyring(tmp_path)
