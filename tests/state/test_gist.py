from __future__ import annotations

import pytest

from orchestrator.state.gist import NO_TEXT, gist, message_of, place_of

ALIKE = [
    ("ValueError: batch 512 too large", "ValueError: batch 1024 too large"),
    ("RuntimeError: lr=1e-05 bad", "RuntimeError: lr=0.3487123456789 bad"),
    ("RuntimeError: 34871234.5, bad", "RuntimeError: 12345678e-05, bad"),
    ("RuntimeError: shapes [512, 10] differ", "RuntimeError: shapes [64, 32, 10] differ"),
    ("FileNotFoundError: no '/data/a/7/x.csv'", "FileNotFoundError: no '/scratch/job-9/y.csv'"),
    ("OSError: cannot open s3://bucket/a/b.pt", "OSError: cannot open s3://other/c.pt"),
    ("OSError: cannot open runs/a/1.pt", "OSError: cannot open runs/b/cd/2.pt"),
    ("RuntimeError: <object at 0x7f3a>", "RuntimeError: <object at 0x7f99beef>"),
    ("KeyError: 'layer_3'", "KeyError: 'layer_11'"),
    ("worker deadbeef12345678 died", "worker 0123456789abcdef died"),
    ("train.py:12 in train: f(x)\nValueError: 3", "/tmp/ray/ab/train.py:12 in train: f(x)\nValueError: 4"),
    (
        'Traceback (most recent call last):\n  File "/a/train.py", line 3, in <module>\n    main()\nKeyError: 3',
        'Traceback (most recent call last):\n  File "/b/c/train.py", line 3, in <module>\n    main()\nKeyError: 8',
    ),
    ("ValueError: x is -3", "ValueError: x is +12.5"),
    ("the program exited with code 3, stderr is empty",) * 2,
    ("train.py:1 in f: a\nlib.py:2 in g: b\nOops: 1\ndetail 5", "train.py:8 in f: a\nlib.py:2 in g: b\nOops: 2\nmore"),
    (None, "  \n"),
]
UNLIKE = [
    ("ValueError: bad", "TypeError: bad"),
    ("ValueError: bad", "ValueError: worse"),
    ("train.py:12 in train: f()\nValueError: bad", "train.py:13 in train: f()\nValueError: bad"),
    ("train.py:12 in train: f()\nValueError: bad", "model.py:12 in train: f()\nValueError: bad"),
    ("train.py:12 in train: f()\nValueError: bad", "train.py:12 in build: f()\nValueError: bad"),
    ("KeyError: 'width'", "KeyError: 'depth'"),
    ("the program exited with code 3, stderr is empty", "the program exited with code 4, stderr is empty"),
    ("the program was ended by SIGSEGV, stderr is empty", "the program was ended by SIGBUS, stderr is empty"),
    ("ValueError: bad", None),
    ("my.Error: bad", "your.Error: bad"),
    (
        'the program exited with code 1; its stderr ends with:\n  File "a.py", line 3, in f\n    x\nKeyError: 1',
        'the program exited with code 1; its stderr ends with:\n  File "a.py", line 4, in f\n    y\nKeyError: 1',
    ),
    ("AssertionError", "NotImplementedError"),
    ("the worker was lost: NodeDiedError: gone", "the worker was lost: ActorDiedError: gone"),
    ("RuntimeError: CUDA error: no kernel image", "RuntimeError: CUDA error: illegal address"),
    ("train.py:3 in a: x\nCustom: one", "train.py:3 in a: x\nCustom: two"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_errors_of_one_cause_have_one_gist(one: str | None, other: str | None):
    assert gist(one) == gist(other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_errors_of_different_causes_have_different_gists(one: str | None, other: str | None):
    assert gist(one) != gist(other)


def test_a_gist_reads_well_and_its_parts_are_handed_out():
    error = "train.py:3 in train: fit(model)\nmodel.py:44 in forward: a @ b\nRuntimeError: mat1 8x4 and /a/b.pt\nmore"
    assert gist(error) == "RuntimeError: mat# # and PATH at model.py:44 in forward"
    assert (message_of(error), place_of(error)) == (
        "RuntimeError: mat1 8x4 and /a/b.pt",
        "model.py:44 in forward",
    )
    assert (gist(None), message_of(None), place_of(None)) == (NO_TEXT, "", None)


@pytest.mark.parametrize(
    "text", ["\x00", "a" * 100_000, "0x" * 5000, "/" * 5000, "1," * 5000, ":", "a:1 in b:", "[" * 999]
)
def test_any_text_has_a_gist(text: str):
    assert gist(text)
