"""The trials' rows lie in parts: each once at every instant, and a change costs the part that it lies in."""

from __future__ import annotations

import duckdb
import msgspec
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from orchestrator.results.parquet_file import replace_table
from orchestrator.results.rebuilt import rebuilt_table
from orchestrator.results.trial_table import WHOLE
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_REPLICATE, FIRST_TEST, Outcome


class Recording:
    """The sweep's file system, which looks at the trials after each of their files that is put in place."""

    def __init__(self, sweep):
        self._files, self._sweep = sweep.files, sweep
        self.counts, self.written = [], []

    def __getattr__(self, name):
        return getattr(self._files, name)

    def replace(self, name, data):
        self._files.replace(name, data)
        if name.startswith("trials/"):
            numbers = [trial for (trial,) in self._sweep.query("select trial from {trials}")]
            assert sorted(pd.read_parquet(self._sweep.folder / "trials").trial) == sorted(numbers)
            assert len(numbers) == len(set(numbers))
            self.counts.append(len(numbers))
            self.written.append(name)


def sizes(sweep):
    return {file.name: pq.read_metadata(file).num_rows for file in sorted((sweep.folder / "trials").iterdir())}


@pytest.mark.thorough
def test_between_any_two_files_a_trial_is_there_once_and_none_goes(sweep, told):
    recording = Recording(sweep)
    for batch in [told[i : i + 61] for i in range(0, len(told), 61)]:
        sweep.write(batch)
        sweep.tables(files=recording, trials_per_part=7).advance()  # each a driver that begins anew
    assert recording.counts == sorted(recording.counts)
    assert recording.counts[-1] == sum(isinstance(event, ev.TrialProposed) for event in told) == 40
    assert sizes(sweep) == {f"part-{n:05d}.parquet": 7 if n < 5 else 5 for n in range(6)}


def test_a_row_that_changes_long_after_changes_where_it_lies_and_its_part_alone_is_written(sweep, told):
    recording = Recording(sweep)
    sweep.write(told)
    tables = sweep.tables(files=recording, trials_per_part=7)
    tables.advance()
    state = replay(told)
    old = next(trial.number for trial in state.trials if trial.number > 7 and trial.state.value == "pruned")
    for changed in (
        [ev.TrialReopened(1e6, old)],
        [ev.AttemptStarted(1e6 + 1, old, len(state.trials[old].attempts))],
        [ev.AttemptEnded(1e6 + 2, old, len(state.trials[old].attempts), Outcome.ERROR, "ValueError: late")],
    ):
        recording.written.clear()
        sweep.write(changed)
        tables.advance()
        assert recording.written == [f"trials/part-{old // 7:05d}.parquet"]
    assert sweep.query(f"select state, error from {{trials}} where trial = {old}") == [("failed", "ValueError: late")]
    assert sweep.query("select count(*), count(distinct trial) from {trials}") == [(40, 40)]


def test_replicates_between_trials_of_a_sweep_that_was_extended_keep_their_rows(sweep, told):
    def proposed(number, **more):
        made = ev.TrialProposed(1e6, number, {"learning_rate": 0.1}, "confirm", "race", [], None, 0)
        return msgspec.structs.replace(made, **more)

    sweep.write([*told, proposed(FIRST_REPLICATE, replicates=2)])
    tables = sweep.tables(trials_per_part=7)
    tables.advance()
    sweep.write([proposed(40, stage="refinement", move="uniform"), proposed(FIRST_REPLICATE + 1, replicates=2)])
    tables.advance()
    everyone = [*range(41), FIRST_REPLICATE, FIRST_REPLICATE + 1]
    assert [trial for (trial,) in sweep.query("select trial from {trials} order by 1")] == everyone
    assert rebuilt_table(sweep.location, "trials")["trial"].to_pylist() == everyone, "replicates last"
    grown = sweep.content()
    sweep.tables(trials_per_part=7).advance()
    assert sweep.content() == grown


def test_a_folder_with_all_trials_in_one_file_keeps_them_there(sweep, told):
    sweep.write(told[:200])
    sweep.tables().advance()
    part = sweep.folder / "trials" / "part-00000.parquet"
    replace_table(sweep.files, WHOLE, pq.read_table(part))
    part.unlink()
    recording = Recording(sweep)
    sweep.write(told[200:])
    sweep.tables(files=recording, trials_per_part=7).advance()
    assert recording.written == [WHOLE]
    assert sizes(sweep) == {"trials.parquet": 40}
    assert rebuilt_table(sweep.location, "trials").num_rows == 40


def test_parts_beyond_a_restored_log_are_emptied(sweep, told):
    sweep.write(told)
    sweep.tables(trials_per_part=7).advance()
    (sweep.folder / "journal" / "000001.jsonl").unlink()
    sweep.restore()
    sweep.write(told[:100])
    sweep.tables(trials_per_part=7).advance()
    known = sum(isinstance(event, ev.TrialProposed) for event in told[:100])
    assert sweep.query("select count(*) from {trials}") == [(known,)]


def test_a_full_disk_loses_no_trial(sweep, told, disk):
    tables = sweep.tables(files=disk, trials_per_part=7)
    for index, batch in enumerate(told[i : i + 41] for i in range(0, len(told), 41)):
        sweep.write(batch)
        disk.is_full = index % 3 != 0
        tables.advance()
        assert bool(tables.problems) is disk.is_full
    disk.is_full = False
    tables.advance()
    grown = sweep.content()
    sweep.tables(trials_per_part=7).advance()
    assert sweep.content() == grown
    assert sweep.query("select count(*) from {trials}") == [(40,)]


def test_every_reader_reads_many_parts_as_one_table(sweep, told):
    sweep.write(told)
    sweep.tables(trials_per_part=7).advance()
    folder = sweep.folder / "trials"
    glob = f"{folder}/*.parquet"
    found = [
        sorted(duckdb.sql(f"select trial, state, score from '{glob}'").df().itertuples(index=False, name=None)),
        sorted(pd.read_parquet(folder)[["trial", "state", "score"]].itertuples(index=False, name=None)),
        sorted(pl.read_parquet(glob).select("trial", "state", "score").rows()),
        sorted(pl.scan_parquet(glob).select("trial", "state", "score").collect().rows()),
        sorted(zip(*pq.read_table(folder).select(["trial", "state", "score"]).to_pydict().values(), strict=True)),
    ]
    texts = [[(trial, state, str(score).replace("None", "nan")) for trial, state, score in rows] for rows in found]
    assert texts[0] == texts[1] == texts[2] == texts[3] == texts[4]
    assert [trial for trial, *_ in texts[0]] == list(range(40))


def test_a_run_that_measures_the_test_set_is_no_row(sweep, told):
    winner = replay(told).winner().number
    look = [ev.WinnerTestBegun(1e6, FIRST_TEST, winner), ev.AttemptStarted(1e6, FIRST_TEST, 0)]
    sweep.write([*told, *look, ev.PlaceHeld(1e6, 5.0, FIRST_TEST, 0)])
    tables = sweep.tables(trials_per_part=7)
    tables.advance()
    assert tables.problems == {}
    assert sweep.query("select count(*), max(trial) from {trials}") == [(40, 39)]
