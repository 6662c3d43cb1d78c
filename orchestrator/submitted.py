"""Sweeps that are sent off from here: how one is made ready, and the record by which it is found again.

A record is one small file beside the sweep file, `.stepladder/<sweep>.json`: which launcher, which cluster, which job,
where the results are. It holds no secret, and losing it loses nothing: the cluster and the storage know the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from orchestrator import definitions, members
from orchestrator.errors import UsageError
from orchestrator.launchers import Launcher, Submission
from orchestrator.planning.storage_url import is_url
from orchestrator.sweep.plan import Plan

FOLDER = ".stepladder"
_LAUNCHERS = "orchestrator.launchers"
SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
"""What the name of a secret looks like."""
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Record(msgspec.Struct, frozen=True):
    """The last submission of a sweep."""

    sweep: str
    """The sweep's name."""
    sweep_file: str
    """The sweep file, relative to the folder that the record's folder lies in."""
    launcher: str
    """Which launcher sent it."""
    target: str
    """Which cluster; see `Submission.target`."""
    job: str
    """The cluster's name of the job."""
    folder: str
    """The sweep's folder, seen from the cluster: a path or a URL."""
    overrides: tuple[str, ...] = ()
    """`key=value` overrides that it was sent with."""
    submitted_t: float = 0.0
    """When, seconds since the epoch."""
    env: dict[str, str] = {}
    """Environment variables that it was sent with."""
    driver_cpus: float = 0.5
    """CPUs that were set aside for the driver."""
    insecure: bool = False
    """Whether it was allowed to go to a cluster that asks for no token."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is said of a submission beside the sweep and the cluster."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of driver and trials."""
    driver_cpus: float = 0.5
    """CPUs set aside for the driver."""
    insecure: bool = False
    """Whether it may go to a cluster that asks for no token."""
    check_s: float = 0.0
    """Seconds for trying the cluster first; 0: it is not tried."""


def place_of(sweep_file: Path) -> Path:
    """Return the folder of the records, and of what a launcher writes, for a sweep file."""
    return sweep_file.absolute().parent / FOLDER


def write_record(sweep_file: Path, record: Record) -> Path:
    """Keep the record beside the sweep file; returns where."""
    place = place_of(sweep_file)
    place.mkdir(exist_ok=True)
    path = place / f"{record.sweep}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    return path


def records(folder: Path) -> list[Record]:
    """List what was sent off from sweep files in `folder`, newest first; what cannot be read is left out."""
    found = []
    for path in (folder / FOLDER).glob("*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Record))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(found, key=lambda record: record.submitted_t, reverse=True)


def find_record(sweep_file: Path, name: str, *, only: bool = False) -> Record | None:
    """Return the record of the sweep `name`; without one, and not `only`, the only one that the sweep file has.

    None without any. Raises UsageError where the file was sent off under several other names.
    """
    own = [record for record in records(sweep_file.absolute().parent) if record.sweep_file == sweep_file.name]
    named = [record for record in own if record.sweep == name] or ([] if only else own)
    if len(named) > 1:
        names = ", ".join(record.sweep for record in named)
        raise UsageError(f"{sweep_file} was sent off as {names}; say which by its folder (stepladder ls)")
    return named[0] if named else None


def choose(address: str | None, cluster: str | None) -> tuple[str, str]:
    """Return launcher and target: the Jobs API at `address`, the definition `cluster`, or else this machine.

    Raises UsageError where both are given and where no launcher takes the definition.
    """
    if address is not None and cluster is not None:
        raise UsageError("--address and --cluster name two clusters; give one of them")
    if cluster is not None:
        return _definition(cluster)
    return ("local", "") if address is None else ("ray-job", address)


def _definition(name: str) -> tuple[str, str]:
    path = Path(name)
    if not path.is_file():
        shipped = [entry for entry in sorted(definitions.folder("cluster").rglob("*")) if entry.is_file()]
        known = {entry.stem: entry for entry in shipped if entry.suffix in (".sbatch", ".yaml", ".yml")}
        if name not in known and name not in {entry.name for entry in known.values()}:
            listed = members.nearest(name, sorted(known)) if known else "the path of a file"
            raise UsageError(f"--cluster {name}: no such definition; give a file, or {listed}")
        path = known.get(name) or next(entry for entry in known.values() if entry.name == name)
    if path.suffix == ".sbatch":
        return "slurm", str(path.absolute())
    if path.suffix in (".yaml", ".yml") and re.search(r"^kind:\s*RayJob\b", path.read_text(), re.MULTILINE):
        return "kuberay", str(path.absolute())
    raise UsageError(
        f"--cluster {name}: sweeps are sent to a Slurm script (.sbatch) or a KubeRay RayJob (.yaml). A cluster that is "
        "started otherwise is started as the head of its file says, and sent to by --address"
    )


def launcher_of(name: str, target: str, say: Callable[[str], None], patience_s: float = 60.0) -> Launcher:
    """Make the launcher `name` for the cluster `target`. Raises SpecError where there is no such launcher."""
    launcher: Launcher = members.load(_LAUNCHERS, name)(target, say, patience_s)
    return launcher


def parse_env(texts: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE` entries; in messages no value is repeated.

    Raises UsageError for what is none, and for a variable named like a secret: what travels with a job can be read by
    everybody who can list jobs.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _ENV_NAME.fullmatch(name):
            raise UsageError(f"--env {name}: write NAME=VALUE")
        if SECRET.search(name):
            raise UsageError(
                f"--env {name}: looks like a secret, and a job's variables are shown to everybody who can list jobs, "
                "and written to logs. Set it in the nodes' own environment, or put it into a file there (chmod 600) "
                "and name that file, as AWS_SHARED_CREDENTIALS_FILE does"
            )
        found[name] = value
    return found


def options(known: Options, env: Sequence[str], driver_cpus: float | None) -> Options:
    """Return `known` with what the command line says: `NAME=VALUE` entries, and CPUs unless None.

    Raises UsageError as `parse_env` does.
    """
    cpus = known.driver_cpus if driver_cpus is None else driver_cpus
    return replace(known, env={**known.env, **parse_env(env)}, driver_cpus=cpus)


def known_options(record: Record | None, where: tuple[str, str], given: Options) -> Options:
    """Return what a sweep was sent with last, as far as `given` leaves it open.

    That a cluster may be open to everybody was said of that one alone; `where` is the launcher and target now.
    """
    if record is None:
        return given
    insecure = given.insecure or (record.insecure and where == (record.launcher, record.target))
    return replace(given, env=record.env, driver_cpus=record.driver_cpus, insecure=insecure)


def make_submission(
    plan: Plan, sweep_file: Path, overrides: Sequence[str], launcher: Launcher, options: Options, now: float, draw: str
) -> Submission:
    """Make a sweep ready to be sent.

    `now` is in seconds since the epoch; `draw` is random and tells apart two submissions of one second. Raises
    UsageError where the cluster would not see the sweep's storage or its training code.
    """
    folder, spec = sweep_file.absolute().parent, plan.spec
    storage = spec.storage
    if launcher.sees_this_machine:
        storage = storage if is_url(storage) else str(folder / storage)
    else:
        _refuse_unseen(plan, folder)
    if options.env and not launcher.takes_env:
        raise UsageError("--env: this kind of cluster takes its environment from its definition; write it there")
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    name = re.sub(r"[^A-Za-z0-9-]", "-", spec.name)
    return Submission(
        name=spec.name,
        job_id=f"{name}-{stamp}-{draw}",
        folder=folder,
        sweep_file=sweep_file.name,
        overrides=tuple(overrides),
        storage=storage,
        resources=spec.resources,
        target=launcher.target,
        env=options.env,
        driver_cpus=options.driver_cpus,
    )


def _refuse_unseen(plan: Plan, folder: Path) -> None:
    storage, spec = plan.spec.storage, plan.spec
    if not is_url(storage) and not Path(storage).is_absolute():
        raise UsageError(
            f"storage {storage!r} lies beside the sweep file, on this machine, which the cluster does not see. Give a "
            "folder that all its nodes see, or a bucket: storage=/shared/runs or storage=s3://bucket/runs"
        )
    kind, named = "command", [argument for argument in spec.command or () if not argument.startswith(("-", "/"))]
    if spec.trainable is not None:
        kind, named = "trainable", [spec.trainable.rpartition(":")[0]]
    for code in named:
        if not (folder / code).resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{kind} {code} lies outside {folder}, and only that folder is sent along; move the sweep file up, or "
                "the code beside it"
            )
