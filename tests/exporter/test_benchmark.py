"""The hand-written script that the models are measured against comes to the same totals."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT, environment


@pytest.mark.whole("the benchmark itself compares the totals each time that it runs")
def test_the_hand_written_script_has_the_projects_totals() -> None:
    script = str(ROOT / "tests" / "benchmark" / "run_benchmark.py")
    result = subprocess.run(
        [sys.executable, script, "--calls", "5000"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["calls"] == 5000
