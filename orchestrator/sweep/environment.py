"""What a sweep's driver and trials need beside the code: the key `environment`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, Strict, field_validator, model_validator

from orchestrator.secrecy import is_secret_name, mask
from orchestrator.sweep.record import Record

Word = Annotated[str, Strict(), Field(min_length=1)]
Packages: TypeAlias = Word | tuple[Word, ...]
"""A requirements file, by its path from the sweep file's folder, or requirements: `[torch==2.9, einops]`."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS = ("pip", "uv", "conda")


class Environment(Record):
    """What driver and trials need beside the code. Nothing in it may be a secret: whoever may list jobs reads it."""

    pip: Packages | None = None
    """Packages that pip adds to what the nodes have: a requirements file, or a list."""
    uv: Packages | None = None
    """The same by uv."""
    conda: Word | Mapping[str, Any] | None = None
    """A conda environment: the name of one that the nodes have, a file (`environment.yml`), or its content."""
    image: Word | None = None
    """A container image for them."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables, by name."""
    modules: tuple[Word, ...] = ()
    """Environment modules to load before Ray starts, as on Slurm clusters: `[cuda/12.4]`."""

    @field_validator("env", mode="before")
    @classmethod
    def _numbers_as_texts(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        is_number = (int, float)
        return {k: str(v) if isinstance(v, is_number) and not isinstance(v, bool) else v for k, v in value.items()}

    @field_validator("env")
    @classmethod
    def _open_to_everybody(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, text in value.items():
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a variable; use letters, digits and _, no digit first")
            if is_secret_name(name) or mask(text) != text:
                looks = "looks like a secret" if is_secret_name(name) else "its value holds a secret"
                raise ValueError(
                    f"{name}: {looks}, and Ray writes a job's variables into its logs. Set it in the nodes' own "
                    "environment, or put it into a file there and name that file"
                )
        return value

    @field_validator("pip", "uv", "conda", "image")
    @classmethod
    def _no_secret(cls, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else [str(entry) for entry in value or ()]
        if isinstance(value, Mapping):
            texts = [str(value)]
        if any(mask(text) != text for text in texts):
            raise ValueError(
                "it holds a secret, and Ray writes it into its logs; let the nodes know it (pip.conf, a netrc file)"
            )
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Environment:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} both say which packages there are; write one of them")
        if self.image is not None and given:
            raise ValueError(f"an image holds its packages; put those of {given[0]} into it, or leave image out")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Name the keys that say something, in the order of the file format."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))


NOTHING = Environment()
"""What a sweep has whose file does not say: the nodes' own."""
