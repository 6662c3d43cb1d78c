"""What Ray says of its own processes comes to a person without the logs of these."""

from __future__ import annotations

import pytest
from ray._private import worker as ray_worker

from orchestrator.ray.host.remarks import without_dumps

SAID = "Raylet is terminated. Termination is unexpected. Possible reasons include: (1) SIGKILL by the user."
DUMP = "\n    [state-dump] NodeManager:\n    [2026-11-29 12:17:13,185 I 1 1] (raylet) object_store.cc:37: 8e-09 GB"


@pytest.mark.parametrize(("text", "shown"), [(f"{SAID} Last 20 lines of the Raylet logs:{DUMP}", SAID), (SAID, SAID)])
def test_a_dump_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str], text: str, shown: str):
    before = ray_worker.print_to_stdstream  # it leaves out what it has just printed, but of the autoscaler
    with without_dumps():
        ray_worker.print_to_stdstream({"lines": [text], "pid": "autoscaler", "is_err": False}, ignore_prefix=True)
    assert capsys.readouterr().out.strip() == shown
    assert ray_worker.print_to_stdstream is before
