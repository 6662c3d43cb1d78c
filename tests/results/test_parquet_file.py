"""Whatever mix of file size, footer and data a reader puts together from two versions, it reads one of them."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgetful import ForgetfulFileSystem

from orchestrator.results.parquet_file import KEPT, KEPT_LARGE, LARGE, column_types, read_table, replace_table

NAME = "trials/trials.parquet"


def table_of(rows, columns=2, seed=0):
    draw = random.Random(seed)
    return pa.table({f"c{i}": [draw.random() for _ in range(rows)] for i in range(columns)})


def footer(content):
    return content[-8 - int.from_bytes(content[-8:-4], "little") :]


def parsed(content):
    return pq.read_table(pa.BufferReader(content)).replace_schema_metadata(None)


def sizes(seed):
    """Row counts as they come: mostly growing by a little, at times empty or much larger; columns are added."""
    draw = random.Random(seed)
    rows, columns = draw.choice([0, 5]), 2
    for _ in range(40):
        rows = draw.choice([0, rows * 3]) if draw.random() < 0.05 else rows + draw.randrange(20)
        columns += draw.random() < 0.1
        yield min(rows, 3000), columns


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
def test_every_kept_version_is_read_through_its_footer_and_its_size(seed):
    files = ForgetfulFileSystem()
    contents, tables = [], []
    for index, (rows, columns) in enumerate(sizes(seed)):
        tables.append(table_of(rows, columns, index))
        replace_table(files, NAME, tables[-1])
        contents.append(files.read(NAME))
        newest = contents[-1]
        assert read_table(files, NAME).equals(tables[-1])
        assert len(newest) >= len(contents[-2] if index else b"")
        for age in range(min(KEPT, index) + 1):
            version = index - age
            # opened at an earlier version for the footer, at the newest for the data
            assert parsed(newest + footer(contents[version])).equals(tables[version])
            # asked for the size at an earlier version, opened at the newest
            by_size = parsed(newest[: len(contents[version])])
            assert any(by_size.equals(table) for table in tables[version:])


def test_a_plain_replacement_fails_the_same_test():
    first, second = pa.BufferOutputStream(), pa.BufferOutputStream()
    pq.write_table(table_of(50, seed=1), first)
    pq.write_table(table_of(70, seed=2), second)
    old, new = first.getvalue().to_pybytes(), second.getvalue().to_pybytes()
    with pytest.raises(pa.ArrowInvalid, match="magic bytes not found in footer"):
        parsed(new[: len(old)])


def test_the_file_stays_within_a_few_times_its_content():
    files = ForgetfulFileSystem()
    for rows in range(0, 2000, 20):
        replace_table(files, NAME, table_of(rows))
    plain = pa.BufferOutputStream()
    pq.write_table(table_of(2000), plain, compression="zstd")
    assert len(files.read(NAME)) < 6 * plain.tell()


def test_large_files_keep_fewer_versions():
    files = ForgetfulFileSystem()
    contents, tables = [], []
    for index in range(6):
        tables.append(table_of(LARGE // 12 + 100 * index, seed=index))
        replace_table(files, NAME, tables[-1])
        contents.append(files.read(NAME))
    assert parsed(contents[-1] + footer(contents[-1 - KEPT_LARGE])).equals(tables[-1 - KEPT_LARGE])
    assert LARGE < 16 * tables[-1].num_rows < 2 * LARGE
    assert len(contents[-1]) < 5 * 16 * tables[-1].num_rows


@pytest.mark.parametrize(
    "content", [b"PAR1", b"something else entirely", b"PAR1" + b"\xff" * 90 + b"\x10\x00\x00\x00PAR1"]
)
def test_a_foreign_or_damaged_file_is_replaced(content):
    files = ForgetfulFileSystem({NAME: content})
    assert column_types(files, NAME) == {}
    replace_table(files, NAME, table_of(5))
    assert read_table(files, NAME).equals(table_of(5))
    assert list(column_types(files, NAME)) == ["c0", "c1"]


def test_a_file_of_another_writer_is_replaced():
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(9), sink)
    files = ForgetfulFileSystem({NAME: sink.getvalue().to_pybytes()})
    replace_table(files, NAME, table_of(5))
    assert read_table(files, NAME).equals(table_of(5))
