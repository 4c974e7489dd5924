"""Who is on a line: every address, at every usual setting, and what each may be.

`scan` yields a `Found` for each address that says anything, as it goes; `progress` is told before
each question, because a whole line takes minutes.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.collect.errors import CollectError, GarbledReply, NoReply
from gateway.errors import GatewayError
from gateway.profiles.errors import MeterRefused, PortLost
from gateway.profiles.identify import MEANS, Certainty, identify
from gateway.profiles.link import READ_HOLDING, READ_INPUT, MeterLink, PortConfig
from gateway.profiles.profile import Profile, Serial
from wireformat import modbus_map

SUNSPEC_BASE, SUNSPEC_MARK = 40000, [0x5375, 0x6E53]

Progress = Callable[[int, int, str], None]
"""Called with (questions asked, questions in all, what is asked now)."""


@dataclass(frozen=True)
class Found:
    """Somebody at an address. `what` says who, as far as that can be told."""

    address: int
    line: str
    what: str
    sure: str


def usual_lines(profiles: Iterable[Profile]) -> list[Serial]:
    """The settings that devices leave their factory with, the most common first."""
    counts: dict[Serial, int] = {}
    for profile in profiles:
        if profile.serial is not None:
            counts[profile.serial] = counts.get(profile.serial, 0) + 1
    return sorted(counts, key=lambda line: (-counts[line], line.baud, line.parity))


async def scan(
    ports: Sequence[PortConfig],
    addresses: Sequence[int],
    profiles: Sequence[Profile],
    progress: Progress,
    patient_ms: int = 1000,
) -> AsyncIterator[Found]:
    """Ask all `addresses` at each of `ports`, which differ in their settings; raises `PortLost`.

    The ports' `timeout_ms` is for the first question; who answers is identified with `patient_ms`.
    """
    asked, whole = 0, len(ports) * len(addresses)
    taken: set[int] = set()
    for port in ports:
        line = _shown(port)
        async with MeterLink(port, tries=1) as link:
            for address in addresses:
                progress(asked, whole, f"{line} address {address}")
                asked += 1
                if address in taken or not await _is_there(link, address):
                    continue
                patient = PortConfig(port.port, port.baud, port.parity, port.stop_bits, patient_ms)
                link.close()
                async with MeterLink(patient) as asking:
                    found = await _who(asking, address, line, profiles)
                await link.open()
                taken.add(address)
                yield found
    progress(whole, whole, "done")


async def _is_there(link: MeterLink, address: int) -> bool:
    """Whether anything comes back: a refusal, or a reply that is garbled, is somebody too."""
    for function in (READ_INPUT, READ_HOLDING):
        try:
            await link.read(function, address, 0, 1)
        except NoReply:
            continue
        except PortLost:
            raise
        except CollectError:
            return True
        return True
    return False


async def _who(link: MeterLink, address: int, line: str, profiles: Sequence[Profile]) -> Found:
    try:
        named = await names_itself(link, address)
        if named is not None:
            return Found(address, line, named, "names itself")
        matches = await identify(link, address, profiles)
    except PortLost:
        raise
    except GarbledReply:
        # The wrong speed looks like this, and so do two devices on one address.
        return Found(address, line, "?", "garbled: another speed, or two on one address")
    except CollectError as error:
        return Found(address, line, "?", error.code)
    fits = [match for match in matches if match.certainty > Certainty.NO]
    if not fits:
        return Found(address, line, "?", "answers, but no profile fits")
    best = fits[0].certainty
    names = ", ".join(match.profile.name for match in fits if match.certainty == best)
    return Found(address, line, names, MEANS[best])


async def names_itself(link: MeterLink, address: int) -> str | None:
    """A board of ours, or a SunSpec device."""
    for first, count, mark, name in (
        (modbus_map.STATUS, 1, [modbus_map.MAGIC], "Truewatt board"),
        (SUNSPEC_BASE, 2, SUNSPEC_MARK, "SunSpec device"),
    ):
        try:
            if await link.read(READ_HOLDING, address, first, count) == mark:
                return name if mark != SUNSPEC_MARK else await _sunspec(link, address)
        except (MeterRefused, NoReply):
            continue
    return None


async def _sunspec(link: MeterLink, address: int) -> str:
    """Maker and model, if its map can be walked."""
    # What stands above profiles is needed here alone.
    from gateway.attest.reading import sunspec_name

    try:
        return await sunspec_name(link, address)
    except PortLost:
        raise
    except GatewayError:
        return "SunSpec device"


def _shown(port: PortConfig) -> str:
    if "://" in port.port:
        return "TCP"
    return f"{port.baud} 8{port.parity}{port.stop_bits}"


def table(found: Sequence[Found]) -> str:
    """For a terminal."""
    if not found:
        return "nobody answered: check power, the A/B wires, and whether the port is the right one"
    rows = [f"{'address':>7}  {'line':10} {'device':32} how sure"]
    rows += [f"{one.address:>7}  {one.line:10} {one.what:32} {one.sure}" for one in found]
    return "\n".join(rows)
