"""The short form of the campaigns: a round of each finds nothing, what was found once is mended, planted bugs are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.campaigns import CAMPAIGNS, ON_DISKS, impossible
from tests.torture.planted import BUGS

ROOT = Path(__file__).resolve().parents[2]
PLAYED = [name for name in CAMPAIGNS if name not in ("bugs", "mutants")]
FOUND = [("syncs", "40")]
"""A round that once found something: a store that was damaged by a sync that failed, a kill, and a power failure."""


def torture(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests.torture`."""
    command = [sys.executable, "-m", "tests.torture", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def possible(campaign: str) -> None:
    """Skip what can't be played here. Neither a compiler nor PostgreSQL's programs are services that a machine must have:
    CLEW_REQUIRE_SERVICES is about the database at CLEW_TEST_POSTGRES, which the tests of outages need.
    """
    reason = impossible(campaign)
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.parametrize("campaign", PLAYED)
def test_a_short_round_finds_nothing(campaign: str) -> None:
    """And says so in a line; the long form plays fresh seeds for as long as it is told to."""
    possible(campaign)
    ended = torture("--only", campaign, "--seed", "suite", "--rounds", "1", "--short")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    runs, faults, found = (int(part.split()[0]) for part in ended.stdout.split(": ")[1].split(", ")[:3])
    assert runs > 0 and faults > 0 and found == 0


@pytest.mark.parametrize(("campaign", "seed"), FOUND)
def test_what_was_found_once_is_mended(campaign: str, seed: str) -> None:
    """The round by which it was found."""
    possible(campaign)
    ended = torture("--only", campaign, "--seed", seed, "--rounds", "1", "--short")
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("campaign", ON_DISKS)
def test_planted_bugs_are_found(campaign: str) -> None:
    """Each by its name, with the campaign that it is planted for."""
    possible(campaign)
    names = [name for name, bug in BUGS.items() if bug.campaign == campaign]
    ended = torture(*(argument for name in names for argument in ("--bug", name)))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines() == [f"{name}: noticed" for name in names]


def test_a_finding_is_told_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the exit status says that there was one."""
    from tests.torture import __main__ as command
    from tests.torture.rounds import Cases, Round, Size

    def broken(seed: str, size: Size, told: Round) -> Cases:
        told.found.append(f"{size} {seed} is broken")
        yield

    monkeypatch.setitem(CAMPAIGNS, "simulation", broken)
    assert command.main(["--only", "simulation", "--seed", "7", "--rounds", "2"]) == 1
    said = capsys.readouterr().out
    assert "long 7 is broken" in said
    assert "again: python -m tests.torture --only simulation --seed 7-1 --rounds 1\n" in said
