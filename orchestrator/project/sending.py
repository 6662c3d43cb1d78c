"""How a sweep is made ready to be sent off: by which launcher, to which cluster, with which options."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import members
from orchestrator.errors import StorageError, UsageError
from orchestrator.launchers import Launcher, Submission
from orchestrator.launchers._definitions import find_definition
from orchestrator.launchers._environment import refuse_ungiven
from orchestrator.launchers._profiles import find_profile
from orchestrator.members.outside import is_outside, look_beside
from orchestrator.policies.placing import kinds_of
from orchestrator.project.contents import contents
from orchestrator.project.environment import files_of, whole
from orchestrator.project.first_word import PATIENCE_S
from orchestrator.project.ownership import SweepThere, refuse_name_in_use
from orchestrator.project.pinning import root_of
from orchestrator.project.records import SubmissionRecord
from orchestrator.secrecy import is_secret_name, mask
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.lease import describe_holder
from orchestrator.storage.location import Location
from orchestrator.storage.url import is_url
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.setup import files_named
from orchestrator.sweep.spec import SweepSpec

_LAUNCHERS = "orchestrator.launchers"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
    is_code_new: bool = False
    """Whether a sweep that goes on takes the code that is sent now, not what it pinned."""
    hear_s: float = PATIENCE_S
    """Seconds for the driver's first word; 0: it is not waited for."""


def choose(address: str | None, cluster: str | None, beside: Path | None = None) -> tuple[str, str]:
    """Return launcher and target, by asking the launchers which of them takes what is named.

    `address` is a cluster's, `cluster` a profile's name, or a definition, by path or by its name in cluster/; neither:
    this machine, unless RAY_ADDRESS names a dashboard. A launcher of the user's own is `cluster` as well:
    `my_lab.launch:Mine`, or `my_lab.launch:Mine@target`; its module is looked for in the folder `beside` first. Raises
    UsageError where both are given and where no launcher takes it, SpecError where there is no such class.
    """
    if address is not None and cluster is not None:
        raise UsageError("--address and --cluster name two clusters; give one of them")
    if cluster is not None and is_outside(cluster) and not Path(cluster).is_file():
        return _own(cluster, beside)
    if cluster is None:
        if address is None:
            _refuse_elsewhere(os.environ)
        return _taking(address or "", f"--address {address}")
    profile = find_profile(cluster)
    if profile is not None and profile.address is not None:
        return _taking(profile.address, f"--cluster {cluster}")
    if profile is not None:
        cluster = profile.definition or ""
    try:
        path = find_definition(cluster)
    except UsageError as error:
        raise UsageError(f"--cluster {error}") from None
    return _taking(str(path.absolute()), f"--cluster {cluster}")


def settings_of(cluster: str | None) -> list[str]:
    """Return the overrides that a profile of this name brings; none where `cluster` is no profile's name."""
    profile = None if cluster is None else find_profile(cluster)
    return [] if profile is None else profile.overrides


def launcher_at(address: str, say: Callable[[str], None], patience_s: float = 60.0) -> tuple[str, Launcher]:
    """Make the launcher that takes the cluster at `address`; returns its name too. Raises UsageError as `choose`."""
    name, target = choose(address, None)
    return name, launcher_of(name, target, say, patience_s)


def _refuse_elsewhere(environ: Mapping[str, str]) -> None:
    """Raise UsageError where nothing is named but RAY_ADDRESS, and that is a dashboard's: it never means here."""
    value = environ.get("RAY_ADDRESS", "").strip()
    if value.startswith(("http://", "https://")):
        raise UsageError(
            f"RAY_ADDRESS={mask(value)} names a cluster, and a sweep is sent where it is said to go: give --address "
            f"{mask(value)}, or unset RAY_ADDRESS to send it into the background of this machine"
        )


def _own(cluster: str, beside: Path | None) -> tuple[str, str]:
    name, _, target = cluster.partition("@")
    if beside is not None:
        look_beside(beside)
    members.load(_LAUNCHERS, name)
    return name, target


def _taking(target: str, said: str) -> tuple[str, str]:
    """Ask every launcher; `said` is what the command line says."""
    known = {name: members.load(_LAUNCHERS, name) for name in members.names(_LAUNCHERS)}
    taking = [name for name, launcher in known.items() if launcher.takes(target)]
    if len(taking) == 1:
        return taking[0], target
    if taking:
        raise UsageError(f"{said}: the launchers {' and '.join(taking)} both take it; one of them takes too much")
    kinds = [launcher.targets for launcher in known.values() if launcher.targets]
    raise UsageError(
        f"{said}: no launcher takes it; sweeps are sent to {', '.join(kinds[:-1])} or {kinds[-1]}. A cluster that is "
        "started otherwise is started as the head of its file says, and sent to by --address"
    )


def launcher_of(name: str, target: str, say: Callable[[str], None], patience_s: float = 60.0) -> Launcher:
    """Make the launcher `name` for the cluster `target`. Raises SpecError where there is no such launcher."""
    launcher: Launcher = members.load(_LAUNCHERS, name)(target, say, patience_s)
    return launcher


def lives(record: SubmissionRecord, say: Callable[[str], None], patience_s: float = 3.0) -> bool:
    """Ask the cluster whether a submission's job runs, or will; one that does not answer says nothing of it."""
    return launcher_of(record.launcher, record.target, say, patience_s).status(record.job).state.is_live


def parse_env(texts: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE` entries; in messages no value is repeated.

    Raises UsageError for what is none, for a variable named like a secret, and for a value that holds one: what travels
    with a job can be read by everybody who can list jobs.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _ENV_NAME.fullmatch(name):
            raise UsageError(f"--env {name}: write NAME=VALUE")
        if is_secret_name(name) or mask(value) != value:
            looks = "looks like a secret" if is_secret_name(name) else "its value holds a secret"
            raise UsageError(
                f"--env {name}: {looks}, and a job's variables are shown to everybody who can list jobs, "
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


def known_options(record: SubmissionRecord | None, where: tuple[str, str], given: Options) -> Options:
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
    storage, root = spec.storage, root_of(folder, spec) if launcher.uploads() else folder
    if launcher.sees_this_machine:
        storage = storage if is_url(storage) else str(folder / storage)
    else:
        _refuse_unseen(plan, folder, root)
    if options.env and not launcher.takes_env:
        raise UsageError("--env: this kind of cluster takes its environment from its definition; write it there")
    environment = whole(spec.environment, folder)
    refuse_ungiven(environment, launcher.gives, f"the launcher {type(launcher).__name__}", launcher.instead)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    name = re.sub(r"[^A-Za-z0-9-]", "-", spec.name)
    return Submission(
        name=spec.name,
        job_id=f"{name}-{stamp}-{draw}",
        folder=root,
        sweep_file=(folder.relative_to(root) / sweep_file.name).as_posix(),
        overrides=tuple(overrides),
        storage=storage,
        resources=spec.resources,
        other_kinds=tuple(name for name in kinds_of(plan) if name),
        slurm=spec.slurm,
        kubernetes=spec.kubernetes,
        target=launcher.target,
        env=options.env,
        driver_cpus=options.driver_cpus,
        is_code_new=options.is_code_new,
        sweep_id=plan.sweep_id,
        owner=plan.provenance.owner or "",
        environment=environment,
    )


def refuse_taken(plan: Plan, submission: Submission) -> None:
    """Raise UsageError where the folder that a sweep would lie in holds another sweep, or has a driver that lives.

    Where the folder is not seen from here nothing is said: the cluster's own look comes before the sweep.
    """
    folder = Location.parse(submission.sweep_folder)
    try:
        if not sweep_exists(folder):
            return
        state, holder = read_sweep(folder), describe_holder(folder.files())
    except StorageError:
        return
    refuse_name_in_use(plan, SweepThere.of(state), folder)
    if holder is not None:
        raise UsageError(f"{holder}: nothing was sent; watch it: stepladder status {shlex.quote(str(folder))}")


def with_files(submission: Submission, spec: SweepSpec, launcher: Launcher, say: Callable[[str], None]) -> Submission:
    """Return the submission with the files that travel, where any do; `say` is told what a person should know of them.

    Raises UsageError where something that the sweep needs would not travel.
    """
    if not launcher.uploads():
        return submission
    found = contents(submission.folder)
    found.refuse_leading_out()
    for line in found.remarks():
        say(line)
    code = [spec.trainable.rpartition(":")[0]] if spec.trainable else spec.command or ()
    beside = Path(submission.sweep_file).parent
    for name in (Path(submission.sweep_file).name, *code, *files_of(spec.environment), *files_named(spec.setup)):
        path = os.path.normpath(beside / name)
        if path not in found.files and name and (submission.folder / path).is_file() and not Path(path).is_absolute():
            raise UsageError(
                f"{submission.folder / path} would not travel, and the sweep needs it: an ignore file names it, or it "
                "seems to hold a secret; correct the ignore file (`git check-ignore -v` says which)"
            )
    return replace(submission, files=found.files)


def _refuse_unseen(plan: Plan, folder: Path, root: Path) -> None:
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
        if not (folder / code).resolve().is_relative_to(root.resolve()):
            raise UsageError(
                f"{kind} {code} lies outside {root}, and only that folder is sent along; name one above both in the "
                "sweep file: code: {root: ..}"
            )
