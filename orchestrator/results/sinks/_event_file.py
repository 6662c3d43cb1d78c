"""TensorBoard's records as bytes: scalars, and what its HParams plugin reads. By tensorboardX, dated by the log."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.results.sinks._shown import Plain, is_text, values_of
from orchestrator.sweep.domains import Choice, Constant, Hyperparameter
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import TrialState

VERSION = "brain.Event:2"
STAGE = "stage (of the ladder)"
"""The hyperparameter that is none: which stage proposed a trial. No sweep has one of such a name."""
SHOWN_AT_FIRST = 5
"""So many columns the table shows unasked: those that are said to differ, of these and of others by the alphabet."""
DIFFERS = b"\x38\x01"
"""`differs: true`, field 7 of a column: tensorboardX's definition of it is older."""
STATUS = {TrialState.COMPLETED: 1, TrialState.PRUNED: 1, TrialState.DIVERGED: 2, TrialState.FAILED: 2}
"""How a session ended, as the plugin numbers it: 1 success, 2 failure."""


def head(t: float) -> bytes:
    """Return the record that a file begins with."""
    return _framed(_event(t, file_version=VERSION))


def restart(t: float, step: int) -> bytes:
    """Return the record that takes back what an earlier attempt reported from `step` on."""
    from tensorboardX.proto.event_pb2 import SessionLog

    return _framed(_event(t, step=step, session_log=SessionLog(status=SessionLog.START)))


def scalars(t: float, step: int, values: Mapping[str, float]) -> bytes:
    """Return the record of a report."""
    from tensorboardX.proto.summary_pb2 import Summary

    found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return _framed(_event(t, step=step, summary=Summary(value=found)))


def experiment(t: float, plan: Plan) -> bytes:
    """Return the record that names the columns of the table: the first tier first, the objective before the rest."""
    from tensorboardX.proto.api_pb2 import Experiment, HParamInfo, MetricInfo, MetricName

    varied = {name: domain for name, domain in plan.space.items() if not isinstance(domain, Constant)}
    columns = [HParamInfo(name=name, type=_type(domain)) for name, domain in (varied or plan.space).items()]
    for column in columns[:SHOWN_AT_FIRST]:
        column.MergeFromString(DIFFERS)
    columns.append(HParamInfo(name=STAGE, type="DATA_TYPE_STRING"))
    metrics = dict.fromkeys([plan.spec.objective.metric, *plan.spec.constraints])
    told = [MetricInfo(name=MetricName(tag=name)) for name in metrics]
    made = Experiment(name=plan.sweep_id, time_created_secs=t, hparam_infos=columns, metric_infos=told)
    return _plugin(t, "experiment", experiment=made)


def session_start(t: float, name: str, values: Mapping[str, Plain]) -> bytes:
    """Return the record of a trial's configuration."""
    from tensorboardX.proto.plugin_hparams_pb2 import SessionStartInfo

    session = SessionStartInfo(group_name=name, start_time_secs=t)
    for key, value in values.items():
        if isinstance(value, bool):
            session.hparams[key].bool_value = value
        elif isinstance(value, str):
            session.hparams[key].string_value = value
        else:
            session.hparams[key].number_value = float(value)
    return _plugin(t, "session_start_info", session_start_info=session)


def session_end(t: float, state: TrialState) -> bytes:
    """Return the record of a trial's end."""
    from tensorboardX.proto.plugin_hparams_pb2 import SessionEndInfo

    return _plugin(t, "session_end_info", session_end_info=SessionEndInfo(status=STATUS[state], end_time_secs=t))


def _plugin(t: float, tag: str, **content: Any) -> bytes:
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
    from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata

    data = HParamsPluginData(version=0, **content).SerializeToString(deterministic=True)
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data)
    value = Summary.Value(tag=f"_hparams_/{tag}", metadata=SummaryMetadata(plugin_data=plugin))
    return _framed(_event(t, summary=Summary(value=[value])))


def _event(t: float, **content: Any) -> bytes:
    from tensorboardX.proto.event_pb2 import Event

    made: bytes = Event(wall_time=t, **content).SerializeToString(deterministic=True)
    return made


def _framed(data: bytes) -> bytes:
    """Return a record as it lies in a file: length, data, and a checksum of each."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    sums = [struct.pack("<I", masked_crc32c(part)) for part in (length, data)]
    return length + sums[0] + data + sums[1]


def _type(domain: Hyperparameter) -> str:
    if is_text(domain):
        return "DATA_TYPE_STRING"
    values: Sequence[Any] = values_of(domain) if isinstance(domain, Choice | Constant) else ()
    if values and isinstance(values[0], bool):
        return "DATA_TYPE_BOOL"
    return "DATA_TYPE_STRING" if values and isinstance(values[0], str) else "DATA_TYPE_FLOAT64"
