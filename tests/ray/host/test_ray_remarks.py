"""What Ray says of its own processes comes to a person without the logs of these."""

from __future__ import annotations

import pytest
from ray._private import worker as ray_worker

from orchestrator.ray.host.remarks import without_dumps

SAID = "Raylet is terminated. Termination is unexpected. Possible reasons include: (1) SIGKILL by the user."
DUMP = "\n    [state-dump] NodeManager:\n    [2026-11-29 12:17:13,185 I 1 1] (raylet) object_store.cc:37: 8e-09 GB"


@pytest.mark.parametrize("rest", ["", f" Last 20 lines of the Raylet logs:{DUMP}"])
def test_a_dump_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str], rest: str):
    before = ray_worker.print_to_stdstream
    said = f"{SAID} {'Dumped' if rest else 'Alone'}."  # Ray leaves out what differs in numbers alone
    with without_dumps():
        ray_worker.print_to_stdstream({"lines": [said + rest], "pid": "raylet", "is_err": False}, ignore_prefix=True)
    assert capsys.readouterr().out.strip() == said
    assert ray_worker.print_to_stdstream is before
