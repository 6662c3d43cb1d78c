"""The cause that is named is the one that ended the program, whoever started it and whatever it got over before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker.program_failure import failure_of_program, final_words, said_last

CAUSE = """Traceback (most recent call last):
  File "/home/me/train.py", line 12, in main
    data = load(config)
ValueError: no data in /data
"""
HYDRA = f"""[2026-11-28 10:00:00,123][__main__][INFO] - training
Error executing job with overrides: ['lr=0.1']
{CAUSE}
Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.
"""
ACCELERATE = f"""{CAUSE}Traceback (most recent call last):
  File "/venv/bin/accelerate", line 8, in <module>
    sys.exit(main())
  File "/venv/lib/python3.11/site-packages/accelerate/commands/accelerate_cli.py", line 50, in main
    args.func(args)
  File "/venv/lib/python3.11/site-packages/accelerate/commands/launch.py", line 1213, in launch_command
    simple_launcher(args)
subprocess.CalledProcessError: Command '['/venv/bin/python', 'train.py']' returned non-zero exit status 1.
"""
ACCELERATE_IN_A_BOX = f"""{CAUSE}╭───────────── Traceback (most recent call last) ─────────────╮
│ /venv/lib/python3.10/site-packages/accelera                 │
│ te/commands/launch.py:918 in launch_command                 │
│ ❱ 918 │   │   simple_launcher(args)                         │
╰─────────────────────────────────────────────────────────────╯
CalledProcessError: Command '['/venv/bin/python', 'train.py']' returned non-zero exit status 1.
"""
ELASTIC = """W1128 17:29:23.394000 25787 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 25812
E1128 17:29:23.475000 25787 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1) local_rank: 1
Traceback (most recent call last):
  File "/venv/bin/torchrun", line 8, in <module>
    sys.exit(main())
             ^^^^^^
  File "/venv/lib/python3.11/site-packages/torch/distributed/run.py", line 1028, in main
    run(args)
  File "/venv/lib/python3.11/site-packages/torch/distributed/launcher/api.py", line 383, in launch_agent
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
t.py FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-28_17:29:23
  host      : localhost
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 25812)  (SIGTERM)
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-28_17:29:23
  host      : localhost
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 25813)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""
LOST_PEER = """Traceback (most recent call last):
  File "/home/me/train.py", line 5, in <module>
    dist.barrier()
RuntimeError: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:19892.
"""


def of_rank(rank: int, text: str) -> str:
    return "".join(f"[rank{rank}]: {line}\n" for line in text.splitlines())


TORCHRUN = of_rank(1, CAUSE) + of_rank(0, LOST_PEER) + ELASTIC
WARNED = CAUSE + (
    "/usr/lib/python3.11/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 2 "
    "leaked semaphore objects to clean up at shutdown\n  warnings.warn('resource_tracker: There appear to be %d '\n"
)


@pytest.mark.parametrize(
    "printed",
    [CAUSE, HYDRA, ACCELERATE, ACCELERATE_IN_A_BOX, CAUSE + ELASTIC, TORCHRUN, WARNED],
    ids=["python", "hydra", "accelerate", "accelerate in a box", "torchrun", "torchrun with ranks", "warned"],
)
def test_below_a_launchers_last_line_lies_the_cause(printed):
    assert "\n".join(said_last(printed)).endswith(CAUSE.strip())
    failure = failure_of_program(1, printed, is_memory_killer_seen=False)
    assert failure.text.splitlines()[-1] == "ValueError: no data in /data"
    assert failure.text.startswith("the program exited with code 1; its stderr ends with:\n")
    assert failure.outcome == "error"


def test_a_failed_program_of_the_programs_own_is_no_launcher():
    own = 'Traceback (most recent call last):\n  File "/home/me/train.py", line 3, in <module>\n    run(["git"])\n'
    own += "subprocess.CalledProcessError: Command '['git']' returned non-zero exit status 128."
    assert said_last(own) == own.splitlines()


MEMORY = CAUSE.replace("ValueError: no data in /data", "torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB")
AT_THE_GPU = CAUSE.replace(
    "ValueError: no data in /data",
    "RuntimeError: CUDA out of memory.\nCUDA kernel errors might be asynchronously reported at some other API call\n"
    "For debugging consider passing CUDA_LAUNCH_BLOCKING=1\nCompile with `TORCH_USE_CUDA_DSA`",
)
RAISED_FROM = "\nThe above exception was the direct cause of the following exception:\n\n"
MEANWHILE = "\nDuring handling of the above exception, another exception occurred:\n\n"
NATIVE = "terminate called after throwing an instance of 'c10::OutOfMemoryError'\n  what():  CUDA out of memory.\n"


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [
        (MEMORY, "out_of_memory"),
        (AT_THE_GPU, "out_of_memory"),
        (MEMORY + ELASTIC, "out_of_memory"),
        (MEMORY + RAISED_FROM + CAUSE, "out_of_memory"),
        (NATIVE + "Exception raised from malloc at ..\nframe #0: c10::Error\nframe #1: <unknown>\n", "out_of_memory"),
        ("epoch 1\nCUDA out of memory: halving the batch\n" + CAUSE, "error"),
        (MEMORY + MEANWHILE + CAUSE, "error"),
        (MEMORY + "halving the batch\n" + CAUSE, "error"),
        (MEMORY + "halving the batch\nepoch 1 loss 0.3\nno validation data\n", "error"),
        ("CUDA out of memory: halving the batch\nepoch 1\nepoch 2\nepoch 3\nno validation data\n", "error"),
    ],
)
def test_memory_is_the_cause_only_where_the_program_ended_by_it(printed, outcome):
    assert failure_of_program(1, printed, is_memory_killer_seen=False).outcome == outcome


def test_a_kill_is_told_apart():
    kinds = {
        (status, seen): failure_of_program(status, "epoch 1\n", is_memory_killer_seen=seen).outcome
        for status in (-9, 137, -15)
        for seen in (False, True)
    }
    assert kinds == {
        (-9, False): "lost", (-9, True): "out_of_memory", (137, False): "error", (137, True): "out_of_memory",
        (-15, False): "error", (-15, True): "error",
    }  # fmt: skip


def test_what_stands_on_stdout_is_told_where_stderr_is_empty():
    def told(printed, out):
        return failure_of_program(3, printed, is_memory_killer_seen=False, printed_to_stdout=out).text

    assert told("", "") == "the program exited with code 3, stderr is empty"
    assert told("\n", "a\nno license\n") == (
        "the program exited with code 3; stderr is empty, its stdout ends with:\na\nno license"
    )
    assert told("oh\n", "epoch 1\n") == "the program exited with code 3; its stderr ends with:\noh"


def test_words_without_a_traceback_are_the_last_ones():
    assert final_words(["a", "b", "c", "d"]) == ["b", "c", "d"]
    assert final_words([]) == []


@pytest.mark.thorough
def test_what_torchrun_really_prints(tmp_path):
    (tmp_path / "train.py").write_text("raise ValueError('no data at all')\n")
    torchrun = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node", "1", "train.py"]
    ran = subprocess.run(torchrun, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stderr.splitlines()[-1].startswith("=====")
    told = failure_of_program(ran.returncode, ran.stderr, is_memory_killer_seen=False).text
    assert told.splitlines()[-1] == "ValueError: no data at all"
