"""Imported by Ray in each worker process before that takes anything: has it import ahead (see `ahead`)."""

from __future__ import annotations

from orchestrator.ray.worker.ahead import import_ahead, tell_ready

import_ahead()
tell_ready()
