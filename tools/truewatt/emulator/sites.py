"""Which home lives whose measured life: sites of a profile file dealt out to the homes of a run."""

from dataclasses import dataclass
from typing import Any

from truewatt.emulator.physics.profiles import ProfileError, Profiles, load_profiles
from truewatt.emulator.physics.pv_profiles import add_pv
from truewatt.emulator.physics.sources import (
    MeasuredHome,
    MinuteSource,
    ModelledHome,
    ModelledPv,
    WithModelledPv,
)
from truewatt.emulator.rig_config import HomeConfig, RigConfig

DEFAULT_PV_KWP = 4.0


@dataclass(frozen=True)
class SiteUse:
    """The site that a home lives, and by how many weeks it is ahead of the file."""

    site: str
    weeks_on: int


class Sites:
    """The homes' sources. Without a profile file all are modelled from the seed."""

    def __init__(self, config: RigConfig) -> None:
        self._config = config
        self.profiles = _load(config)
        self.uses = {} if self.profiles is None else _deal(self.profiles, config.homes)

    def source(self, home: HomeConfig) -> MinuteSource:
        """What a home draws and generates by itself."""
        seed, profiles = self._config.seed, self.profiles
        pv_kwp = DEFAULT_PV_KWP if home.pv_kwp is None else home.pv_kwp
        if profiles is None:
            return ModelledHome(seed, home.name, pv_kwp)
        use = self.uses[home.name]
        scale_to_kwp = home.pv_kwp if profiles.pv_path is None else pv_kwp
        site = profiles.sites[use.site]
        measured = MeasuredHome(profiles, site, seed, scale_to_kwp, use.weeks_on)
        if profiles.has_pv:
            return measured
        return WithModelledPv(measured, ModelledPv(seed, home.name, pv_kwp))

    def summary(self) -> dict[str, Any]:
        """What a report must say about where its homes come from."""
        if self.profiles is None:
            return {"source": "modelled", "homes": len(self._config.homes)}
        again = [use for use in self.uses.values() if use.weeks_on]
        pv_path = self.profiles.pv_path
        return {
            "source": "measured",
            "load_file": self.profiles.path.name,
            "pv": "modelled" if not self.profiles.has_pv else "measured",
            "pv_file": None if pv_path is None else pv_path.name,
            "composite": pv_path is not None or not self.profiles.has_pv,
            "sites": len(self.profiles.sites),
            "homes": len(self.uses),
            "homes_on_a_used_site": len(again),
            "most_weeks_on": max((use.weeks_on for use in again), default=0),
        }


def _load(config: RigConfig) -> Profiles | None:
    if config.profiles is None:
        return None
    profiles = load_profiles(
        config.profiles,
        sites=len(config.homes),
        label=config.profile_label,
        slot_minutes=config.slot_minutes,
    )
    for home in config.homes:
        if home.site is not None and home.site not in profiles.sites:
            expected = f"a site of the profile file, for home {home.name}"
            raise ProfileError(config.profiles, 1, "site", f"no {home.site}", expected)
    return profiles if config.pv_profiles is None else add_pv(profiles, config.pv_profiles)


def _deal(profiles: Profiles, homes: tuple[HomeConfig, ...]) -> dict[str, SiteUse]:
    """Named sites first, then the unused ones in the file's order, then all again a week on."""
    used = dict.fromkeys(profiles.sites, 0)
    uses = {}
    for home in (*(h for h in homes if h.site), *(h for h in homes if not h.site)):
        # The first of those that were used least.
        site = home.site or min(used, key=used.__getitem__)
        uses[home.name] = SiteUse(site, used[site])
        used[site] += 1
    return uses
