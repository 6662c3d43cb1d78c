"""What `stepladder plan` and `status` import stays light."""

from __future__ import annotations

import subprocess
import sys

LIGHT = ["best", "event_lines", "export", "plan_view", "progress", "render", "status_view", "summary", "wording"]
HEAVY = {"pyarrow", "pandas", "numpy", "ray", "torch", "optuna", "scipy"}


def test_only_the_tables_import_pyarrow():
    script = f"import sys; {'; '.join(f'import orchestrator.report.{name}' for name in LIGHT)}; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & HEAVY == set()
    assert f"orchestrator.report.{LIGHT[0]}" in loaded
