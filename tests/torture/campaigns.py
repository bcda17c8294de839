"""All campaigns by name, how a round of one is played, and whether the planted bugs are found."""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import Final

from tests.torture import cluster, disk
from tests.torture.blackouts import power, syncs
from tests.torture.kills import kills, recoveries
from tests.torture.planted import BUGS, planted
from tests.torture.restarts import postgres
from tests.torture.rounds import Campaign, Cases, Round, Size
from tests.torture.sick import sick
from tests.torture.simulated import mutants, reference, simulation

ON_DISKS: Final[dict[str, Campaign]] = {
    "kills": kills, "recoveries": recoveries, "power": power, "syncs": syncs, "sick": sick,
}  # fmt: skip
"""Those that need the watched disk."""
ENOUGH: Final = 60
"""Seeds within which a bug that is planted under a campaign must be found."""


def bugs(seed: str, size: Size, told: Round) -> Cases:
    """Each bug that is planted in what keeps things on disks is found by its campaign; one that is not is a finding."""
    del size
    for name in BUGS:
        look_for(name, seed, told)
        yield


def look_for(name: str, seed: str, told: Round) -> None:
    """Plant one of them, and tell if it was not noticed."""
    told.runs += 1
    told.faults += 1
    if noticed(name, seed=seed) is None:
        told.found.append(f"the planted bug {name!r} was not noticed")


def noticed(name: str, *, seed: str) -> int | None:
    """The number of short rounds after which a bug was found; the first is that of the seed that is known to find it."""
    bug = BUGS[name]
    with planted(name):
        for number in range(ENOUGH):
            found = Round()
            with closing(
                ON_DISKS[bug.campaign](bug.seed if number == 0 else f"{seed}.{number}", "short", found)
            ) as cases:
                for _ in cases:
                    if found.found:
                        break
            if found.found:
                return number
    return None


CAMPAIGNS: Final[dict[str, Campaign]] = {
    "simulation": simulation,
    "reference": reference,
    **ON_DISKS,
    "postgres": postgres,
    "bugs": bugs,
    "mutants": mutants,
}


def impossible(name: str) -> str | None:
    """Why a campaign can't be played here, or None."""
    if name == "postgres":
        return cluster.missing()
    if name in ON_DISKS or name == "bugs":
        return None if disk.compiler() else "there is no C compiler to make the watched disk with"
    return None


def play(name: str, seed: str, size: Size, *, until: float) -> Round:
    """A round, or as much of it as there is time for."""
    told = Round()
    with closing(CAMPAIGNS[name](seed, size, told)) as cases:
        for _ in cases:
            if monotonic() > until:
                break
    return told
