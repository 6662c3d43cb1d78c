from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from ray import exceptions as ray_errors
from ray.tune.error import _AbortTrialExecution

from orchestrator.ray.worker.command import failure_of_program
from orchestrator.ray.worker.failure import AttemptFailed, describe
from orchestrator.ray.worker.kernel_kills import kernel_kills
from orchestrator.ray.worker.outcomes import classify
from orchestrator.sweep.trial import Outcome


def raised(cause: Exception) -> ray_errors.RayTaskError:
    return ray_errors.RayTaskError("train", "Traceback ...", cause, "ray::train", 1, "127.0.0.1").as_instanceof_cause()


def lost(why: Exception) -> ray_errors.RayActorError:
    error = ray_errors.RayActorError(error_msg=str(why))
    error.__cause__ = why
    return error


@pytest.mark.parametrize(
    ("error", "outcome", "text"),
    [
        (ray_errors.ActorDiedError(), Outcome.LOST, "the worker was lost: ActorDiedError: The actor died unexpectedly"),
        (
            ray_errors.RayActorError(
                error_msg="The actor died because of an error raised in its creation task, ray::W.__init__()\n"
                "ModuleNotFoundError: No module named 'train'"
            ),
            Outcome.ERROR,
            "the worker could not be set up: ModuleNotFoundError: No module named 'train'",
        ),
        (
            ray_errors.ActorUnavailableError("no route", None),
            Outcome.LOST,
            "the worker was lost: ActorUnavailableError",
        ),
        (ray_errors.RayActorError(error_msg="drained", preempted=True), Outcome.PREEMPTED, "the node was preempted: "),
        (ray_errors.WorkerCrashedError(), Outcome.LOST, "the worker was lost: WorkerCrashedError"),
        (ray_errors.NodeDiedError("node gone"), Outcome.LOST, "the worker was lost: NodeDiedError: node gone"),
        (ray_errors.RpcError("broken pipe"), Outcome.LOST, "the worker was lost: RpcError: broken pipe"),
        (lost(ray_errors.NodeDiedError("node gone")), Outcome.LOST, "the worker was lost: NodeDiedError: node gone"),
        (
            ray_errors.OutOfMemoryError("95 %"),
            Outcome.OUT_OF_MEMORY,
            "the node ran out of memory and Ray ended the worker: OutOfMemoryError: 95 %",
        ),
        (lost(ray_errors.OutOfMemoryError("95 %")), Outcome.OUT_OF_MEMORY, "the node ran out of memory and Ray"),
        (
            _AbortTrialExecution("Trainable runner reuse requires reset_config() ..."),
            Outcome.LOST,
            "the worker could not take",
        ),
        (raised(AttemptFailed("out_of_memory", "CUDA")), Outcome.OUT_OF_MEMORY, "CUDA"),
        (raised(AttemptFailed("lost", "stuck")), Outcome.LOST, "stuck"),
        (raised(MemoryError("host")), Outcome.OUT_OF_MEMORY, "MemoryError: host"),
        (raised(OSError(28, "No space left on device")), Outcome.ERROR, "OSError: [Errno 28] No space left on device"),
        (
            raised(ray_errors.NodeDiedError("a node of its own")),
            Outcome.LOST,
            "the worker was lost: NodeDiedError: a node of",
        ),
        (KeyError("odd"), Outcome.ERROR, "KeyError: 'odd'"),
    ],
)
def test_classify(error, outcome, text):
    found, said = classify(error)
    assert found is outcome
    assert said.startswith(text)


def test_what_ray_says_of_a_dead_worker_is_cut_to_the_reason():
    error = ray_errors.RayActorError(
        error_msg="The actor died.\n\tclass_name: TrialWorker\n\tpid: 7\nThe actor is dead because its node is. "
        + "x" * 999
    )
    _, said = classify(error)
    assert said.startswith("the worker was lost: RayActorError: The actor is dead because its node is.")
    assert len(said) < 350


class TorchLike:
    class OutOfMemoryError(RuntimeError):
        pass


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        TorchLike.OutOfMemoryError("CUDA"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    ],
)
def test_memory_that_ran_out(error):
    assert describe(error).outcome == "out_of_memory"


def test_a_message_that_merely_speaks_of_memory_is_an_error():
    assert describe(ValueError("CUDA out of memory is what I print")).outcome == "error"


def test_a_traceback_keeps_the_users_frames_and_the_last_one(tmp_path):
    (tmp_path / "net.py").write_text("import json\ndef load(text):\n    return json.loads(text)\n")
    namespace: dict = {}
    exec(compile((tmp_path / "net.py").read_text(), tmp_path / "net.py", "exec"), namespace)
    with pytest.raises(ValueError, match="Expecting") as caught:
        namespace["load"]("{")
    lines = describe(caught.value, tmp_path).text.splitlines()
    assert "net.py:3 in load: return json.loads(text)" in lines
    assert lines[-2].split(":")[0].endswith("decoder.py")
    assert lines[-1].startswith("json.decoder.JSONDecodeError: Expecting")
    assert not any(str(Path(describe.__code__.co_filename)) in line for line in lines)


def test_a_cause_is_named_and_a_long_text_is_cut():
    error = ValueError("y" * 99_999)
    error.__cause__ = OSError("disk")
    text = describe(error).text
    assert len(text) <= 10_000
    assert text.endswith("(caused by OSError: disk)")


@pytest.mark.parametrize("kind", [RuntimeError, TypeError, ValueError])
def test_an_exception_that_cannot_say_its_words_is_told_all_the_same(kind):
    mute = type("Mute", (kind,), {"__str__": lambda _: [][0]})
    error = ValueError("shape")
    error.__cause__ = mute()
    assert describe(mute()).text.endswith("Mute: <exception str() failed>")
    assert describe(error).text == "ValueError: shape (caused by Mute: <exception str() failed>)"


def test_an_attempt_that_failed_travels():
    failed = AttemptFailed("error", "train.py:1: no")
    for twin in (pickle.loads(pickle.dumps(failed)), copy.copy(failed)):
        assert (twin.outcome, twin.text, str(twin)) == ("error", "train.py:1: no", "error: train.py:1: no")


@pytest.mark.parametrize(
    ("status", "printed", "killer", "outcome"),
    [
        (3, "KeyError: 1", False, "error"),
        (-11, "", True, "error"),
        (-9, "", False, "lost"),
        (-9, "", True, "out_of_memory"),
        (1, "torch.OutOfMemoryError: CUDA out of memory", False, "out_of_memory"),
    ],
)
def test_how_a_program_failed(status: int, printed: str, killer: bool, outcome: str):
    assert failure_of_program(status, printed, is_memory_killer_seen=killer).outcome == outcome


def test_the_kernel_tells_how_many_it_killed(tmp_path: Path):
    (tmp_path / "events").write_text("low 0\noom 3\noom_kill 2\n")
    assert kernel_kills((tmp_path / "events", tmp_path / "absent")) == 2
