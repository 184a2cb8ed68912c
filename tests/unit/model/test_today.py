"""The day a file is loaded under, and a service's clock, are the same whatever zone a machine is set to."""

import subprocess
import sys

import pytest

from vigie_local.settings import REPOSITORY, service_environment

# 26 hours apart: at no moment is it the same day in both.
FAR_APART = ("Etc/GMT-14", "Etc/GMT+12")
# A changing zone as well, whose clock jumps twice a year.
ZONES = (*FAR_APART, "Europe/Paris", "UTC")


def said(code: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_file_is_loaded_under_the_same_day_in_every_zone() -> None:
    code = "from model.load import today; print(today())"
    days = {said(code, service_environment({"TZ": zone})) for zone in FAR_APART}
    # Two, should the day change between the two programs' starts.
    days &= {said(code, service_environment({"TZ": zone})) for zone in FAR_APART}
    assert len(days) == 1
    assert len({said("import datetime; print(datetime.date.today())", {"TZ": zone}) for zone in FAR_APART}) == 2


@pytest.mark.parametrize("zone", ZONES)
def test_a_service_s_clock_never_jumps(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    assert said("import time; print(*time.tzname, time.daylight)", service_environment()) == "UTC UTC 0"
