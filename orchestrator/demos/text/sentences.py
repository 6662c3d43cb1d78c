"""The corpus: sentences of the standard library's docstrings, in numbers, in training, validation and test parts."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from orchestrator.training import split

PACKAGES = ("asyncio", "email", "http", "importlib", "logging", "multiprocessing", "unittest", "xml")
"""The classes: packages of the standard library that every installation has, with sentences enough."""
DATA_SEED = 1991
"""Fixes which docstring is in which part. Not the trial's seed: all trials read the same sentences."""
WORDS = 32
"""A sentence is cut after this many words."""
SHORTEST = 4
"""Sentences of fewer words say nothing."""
RARE = 2
"""Words that the training part has less often are all one: the unknown word."""
PADDING, UNKNOWN = 0, 1

Part = tuple[Tensor, Tensor]
"""Words by number, N x 32, 0 where the sentence has ended; and the packages, N."""


@dataclass(frozen=True)
class Corpus:
    """The sentences in numbers."""

    parts: dict[str, Part]
    """training, validation and test."""
    vocabulary: int
    """How many numbers there are for words."""
    digest: str
    """Differs where any sentence does."""


@functools.cache
def load_corpus() -> Corpus:
    """Read the docstrings, cut them into sentences, and number the words that the training part knows."""
    docstrings = [(label, text) for label, package in enumerate(PACKAGES) for text in docstrings_of(package)]
    labels = torch.tensor([label for label, _ in docstrings])
    chosen = split(len(docstrings), labels=labels, seed=DATA_SEED)
    numbers = {"training": chosen.train, "validation": chosen.validation, "test": chosen.test}
    seen: set[str] = set()  # what several docstrings say counts once
    texts: dict[str, list[tuple[int, list[str]]]] = {name: [] for name in numbers}
    for name, part in numbers.items():
        for number in part.tolist():
            label, text = docstrings[number]
            for words in sentences(text):
                if " ".join(words) not in seen:
                    seen.add(" ".join(words))
                    texts[name].append((label, words))
    counts = Counter(word for _, words in texts["training"] for word in words)
    known = sorted(word for word, count in counts.items() if count >= RARE)
    vocabulary = {word: number for number, word in enumerate(known, start=UNKNOWN + 1)}
    parts = {name: _numbered(some, vocabulary) for name, some in texts.items()}
    return Corpus(parts, len(vocabulary) + 2, hashlib.sha256(repr(texts).encode()).hexdigest())


def docstrings_of(package: str) -> Iterator[str]:
    """Yield the docstrings of a package of the standard library; raises FileNotFoundError where its source is not."""
    folder = Path(sysconfig.get_path("stdlib")) / package
    files = sorted(folder.rglob("*.py"))
    if not files:
        raise FileNotFoundError(
            f"{folder} has no source files: this Python came without them. Use one from python.org or your system"
        )
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, documented) and (text := ast.get_docstring(node)):
                yield text


def sentences(text: str) -> list[list[str]]:
    """Return a text's sentences as words in small letters, without the names of the packages."""
    found = []
    for sentence in re.split(r"(?<=[.!?:])\s+|\n\s*\n", text):
        words = [word for word in re.findall(r"[a-z]+", sentence.lower()) if word not in PACKAGES]
        if len(words) >= SHORTEST:
            found.append(words[:WORDS])
    return found


def _numbered(texts: list[tuple[int, list[str]]], vocabulary: dict[str, int]) -> Part:
    rows = torch.full((len(texts), WORDS), PADDING)
    for row, (_, words) in zip(rows, texts, strict=True):
        row[: len(words)] = torch.tensor([vocabulary.get(word, UNKNOWN) for word in words])
    return rows, torch.tensor([label for label, _ in texts])
