"""Definitions as templates: which file is meant, which placeholders it may have, and where."""

from __future__ import annotations

import pytest

from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers._definitions import Definition, refuse_relative
from orchestrator.launchers._programs import refuse_missing, run
from orchestrator.members import definitions

VALUES = {"STEPLADDER_COMMAND": "stepladder resume --auto sweep.yaml", "STEPLADDER_FOLDER": "'/shared/my sweep'"}


def fill(text: str) -> str:
    return Definition("mine.sbatch", text).fill(VALUES)


def test_a_placeholder_is_a_whole_value_and_all_else_stays():
    text = (
        "# ${STEPLADDER_UNKNOWN} in a comment\n"
        "#SBATCH --nodes=2\n"
        "FOLDER=${STEPLADDER_FOLDER} # where\n"
        "COMMAND=(${STEPLADDER_COMMAND})\n"
        'cd "$FOLDER" && echo "${COMMAND[0]} ${HOME}"\n'
    )
    assert fill(text) == (
        "# ${STEPLADDER_UNKNOWN} in a comment\n"
        "#SBATCH --nodes=2\n"
        "FOLDER='/shared/my sweep' # where\n"
        "COMMAND=(stepladder resume --auto sweep.yaml)\n"
        'cd "$FOLDER" && echo "${COMMAND[0]} ${HOME}"\n'
    )


@pytest.mark.parametrize(
    "line", ["  a: ${STEPLADDER_FOLDER}", "  - ${STEPLADDER_FOLDER}", "  - a: ${STEPLADDER_FOLDER} # b"]
)
def test_yaml_has_them_as_values_and_items(line: str):
    told = fill(f"{line}\nb: ${{STEPLADDER_COMMAND}}")
    assert told.splitlines()[0] == line.replace("${STEPLADDER_FOLDER}", "'/shared/my sweep'")


@pytest.mark.parametrize(
    "line",
    [
        'cd "${STEPLADDER_FOLDER}"',
        "cd ${STEPLADDER_FOLDER}",
        "A=${STEPLADDER_FOLDER}/data",
        "A=x${STEPLADDER_FOLDER}",
        "a: {b: ${STEPLADDER_FOLDER}}",
        "a: ${STEPLADDER_FOLDER} ${STEPLADDER_FOLDER}",
        "a: ${STEPLADDER_FOLDER}#",
    ],
)
def test_a_placeholder_within_something_is_refused_by_line(line: str):
    with pytest.raises(UsageError) as caught:
        fill(f"A=(${{STEPLADDER_COMMAND}})\n{line}\n")
    assert str(caught.value) == (
        "mine.sbatch:2: a placeholder is a whole value at the end of its line, without quotes: "
        "`NAME=${STEPLADDER_FOLDER}`, or `name: ${STEPLADDER_FOLDER}` in YAML"
    )


def test_an_unknown_placeholder_is_refused_by_line():
    with pytest.raises(UsageError) as caught:
        fill("A=(${STEPLADDER_COMMAND})\nB=${STEPLADDER_FOLDR}\n")
    assert str(caught.value) == (
        "mine.sbatch:2: ${STEPLADDER_FOLDR} is not a placeholder; choose one of STEPLADDER_COMMAND, STEPLADDER_FOLDER"
    )


def test_a_definition_that_runs_nothing_is_refused():
    with pytest.raises(UsageError, match=r"it never runs the sweep; put \$\{STEPLADDER_COMMAND\} where the driver is"):
        fill("# ${STEPLADDER_COMMAND}\necho\n")


def test_a_definition_is_a_path_or_a_name(tmp_path):
    mine = tmp_path / "mine.sbatch"
    mine.write_text("A=(${STEPLADDER_COMMAND})\n")
    assert Definition.read(str(mine)) == Definition(str(mine), "A=(${STEPLADDER_COMMAND})\n")
    shipped = Definition("slurm.sbatch", (definitions("cluster") / "slurm.sbatch").read_text())
    for target in ("slurm", "slurm.sbatch"):
        assert Definition.read(target) == shipped
    with pytest.raises(UsageError) as caught:
        Definition.read("kubray")
    assert str(caught.value) == (
        "kubray: there is no such cluster definition; give a file, or one of aws, gcp, kuberay-kueue, kuberay-volcano, "
        "kuberay, onprem, skypilot, slurm-elastic, slurm (did you mean 'kuberay'?)"
    )


def test_a_relative_storage_is_refused_with_the_remedy():
    for storage in ("/shared/runs", "s3://bucket/runs", "gs://bucket"):
        refuse_relative(storage)
    with pytest.raises(UsageError) as caught:
        refuse_relative("runs")
    assert str(caught.value) == (
        "storage runs: it is relative to the sweep file, and the cluster has another disk than this machine; "
        "give a folder that all nodes see, or a bucket, e.g. storage=/shared/runs or storage=s3://bucket/runs"
    )


def test_a_program_that_is_missing_or_silent_is_told(monkeypatch):
    with pytest.raises(ClusterError, match="`no-such-program` is not on this machine's PATH: install it"):
        refuse_missing("no-such-program", "install it")
    monkeypatch.setattr("orchestrator.launchers._programs.PATIENCE_S", 0.05)
    told = run(["sleep", "10"], "")
    assert (told.returncode, told.stderr) == (124, "sleep did not answer within 0.05 s")
