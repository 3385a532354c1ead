"""Scheduled notebooks."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, Union

from . import timing
from ._case import snake_to_camel
from ._dates import from_datetime
from ._entity import Shown, require_manager, set_fields
from ._environment import get_database_name, get_virtual_workspace_id, get_workspace_id
from ._paths import segment
from ._wire import Payload, decode, decode_array, decode_object
from .errors import InvalidResponseError

if TYPE_CHECKING:
    from .manager import Manager

_POLL_INTERVAL = 5.0  # seconds
_PARAMETER_TYPES: dict[type, str] = {str: "string", int: "integer", float: "float", bool: "boolean"}

E = TypeVar("E", bound="_WireEnum")


class _WireEnum(Enum):
    """Enumeration that prints as the service spells its members."""

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return str(self.value)

    @classmethod
    def from_str(cls: type[E], s: str) -> E:
        """Return the member for a text of the service; raise ``ValueError`` for other texts."""
        try:
            return cls(snake_to_camel(s, cap_first=True)) if s.islower() else cls(s)
        except ValueError:
            raise ValueError(f"Unknown {cls.__name__}: {s}") from None


class Mode(_WireEnum):
    """How often a job runs."""

    ONCE = "Once"
    RECURRING = "Recurring"


class TargetType(_WireEnum):
    """What a job runs against."""

    WORKSPACE = "Workspace"
    CLUSTER = "Cluster"
    VIRTUAL_WORKSPACE = "VirtualWorkspace"
    VIRTUAL_CLUSTER = "VirtualCluster"


class Status(_WireEnum):
    """What became of an execution."""

    UNKNOWN = "Unknown"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    ERROR = "Error"
    CANCELED = "Canceled"

    @classmethod
    def from_str(cls, s: str) -> Status:
        """Return the member for a text of the service, :attr:`UNKNOWN` for other texts."""
        try:
            return super().from_str(s)
        except ValueError:
            return cls.UNKNOWN


@dataclass
class Parameter:
    """An argument of a notebook."""

    name: str
    value: str
    type: str
    """``string``, ``integer``, ``float`` or ``boolean``."""

    @classmethod
    def from_dict(cls, obj: Any) -> Parameter:
        """Return the parameter of a JSON object."""
        p = Payload(obj, "job parameter")
        value = p.raw("value")
        return cls(p.text("name"), "" if value is None else str(value), p.text("type"))


@dataclass
class Runtime:
    """What a notebook can run on."""

    name: str
    description: str | None = None

    @classmethod
    def from_dict(cls, obj: Any) -> Runtime:
        """Return the runtime of a JSON object."""
        p = Payload(obj, "runtime")
        return cls(p.text("name"), p.opt_text("description"))


@dataclass
class JobMetadata:
    """Sums over the executions of one status."""

    avg_duration_in_seconds: float | None
    count: int
    max_duration_in_seconds: float | None
    status: Status

    @classmethod
    def from_dict(cls, obj: Any) -> JobMetadata:
        """Return the sums of a JSON object."""
        p = Payload(obj, "job metadata")
        return cls(
            avg_duration_in_seconds=p.opt_number("avgDurationInSeconds"),
            count=p.int("count"),
            max_duration_in_seconds=p.opt_number("maxDurationInSeconds"),
            status=Status.from_str(p.text("status")),
        )


@dataclass
class ExecutionMetadata:
    """Which executions a listing covers; both ends belong to it."""

    start_execution_number: int
    end_execution_number: int

    @classmethod
    def from_dict(cls, obj: Any) -> ExecutionMetadata:
        """Return the range of a JSON object."""
        p = Payload(obj, "executions metadata")
        return cls(p.int("startExecutionNumber"), p.int("endExecutionNumber"))


@dataclass
class Execution:
    """One run of a job."""

    execution_id: str
    job_id: str
    status: Status
    snapshot_notebook_path: str | None
    scheduled_start_time: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    execution_number: int

    @classmethod
    def from_dict(cls, obj: Any) -> Execution:
        """Return the execution of a JSON object."""
        p = Payload(obj, "execution")
        return cls(
            execution_id=p.text("executionID"),
            job_id=p.text("jobID"),
            status=Status.from_str(p.text("status")),
            snapshot_notebook_path=p.opt_text("snapshotNotebookPath"),
            scheduled_start_time=p.time("scheduledStartTime"),
            started_at=p.opt_time("startedAt"),
            finished_at=p.opt_time("finishedAt"),
            execution_number=p.int("executionNumber"),
        )


@dataclass
class ExecutionsData:
    """Executions of a job, and which ones they are."""

    executions: list[Execution]
    metadata: ExecutionMetadata

    @classmethod
    def from_dict(cls, obj: Any) -> ExecutionsData:
        """Return the executions of a JSON object."""
        p = Payload(obj, "executions")
        return cls(
            [Execution.from_dict(x) for x in p.items("executions")],
            ExecutionMetadata.from_dict(p.raw("executionsMetadata")),
        )


@dataclass
class ExecutionConfig:
    """How a job runs."""

    create_snapshot: bool
    max_duration_in_mins: int
    notebook_path: str

    @classmethod
    def from_dict(cls, obj: Any) -> ExecutionConfig:
        """Return the configuration of a JSON object."""
        p = Payload(obj, "execution configuration")
        return cls(
            create_snapshot=p.bool("createSnapshot"),
            max_duration_in_mins=p.int("maxAllowedExecutionDurationInMinutes"),
            notebook_path=p.text("notebookPath"),
        )


@dataclass
class Schedule:
    """When a job runs."""

    execution_interval_in_minutes: int | None
    mode: Mode
    start_at: datetime.datetime | None

    @classmethod
    def from_dict(cls, obj: Any) -> Schedule:
        """Return the schedule of a JSON object."""
        p = Payload(obj, "schedule")
        return cls(
            execution_interval_in_minutes=p.opt_int("executionIntervalInMinutes"),
            mode=_known(Mode, p.text("mode")),
            start_at=p.opt_time("startAt"),
        )


@dataclass
class TargetConfig:
    """What a job runs against."""

    database_name: str | None
    resume_target: bool
    target_id: str
    target_type: TargetType

    @classmethod
    def from_dict(cls, obj: Any) -> TargetConfig:
        """Return the target of a JSON object."""
        p = Payload(obj, "job target")
        return cls(
            database_name=p.opt_text("databaseName"),
            resume_target=bool(p.opt_bool("resumeTarget")),
            target_id=p.text("targetID"),
            target_type=_known(TargetType, p.text("targetType")),
        )


def _known(kind: type[E], text: str) -> E:
    try:
        return kind.from_str(text)
    except ValueError as exc:
        raise InvalidResponseError(msg=str(exc)) from None


@dataclass(eq=False)
class Job(Shown):
    """A notebook that runs by itself."""

    completed_executions_count: int
    created_at: datetime.datetime
    description: str | None
    enqueued_by: str
    execution_config: ExecutionConfig
    job_id: str
    job_metadata: list[JobMetadata]
    name: str | None
    schedule: Schedule
    target_config: TargetConfig | None = None
    terminated_at: datetime.datetime | None = None
    _manager: JobsManager | None = field(default=None, repr=False, compare=False)

    __repr__ = Shown.__repr__

    @property
    def id(self) -> str:
        """Same as ``job_id``."""
        return self.job_id

    @classmethod
    def from_dict(cls, obj: Any, manager: JobsManager | None) -> Job:
        """Return the job of a JSON object."""
        p = Payload(obj, "job")
        target = p.raw("targetConfig")
        return cls(
            completed_executions_count=p.int("completedExecutionsCount"),
            created_at=p.time("createdAt"),
            description=p.opt_text("description"),
            enqueued_by=p.text("enqueuedBy"),
            execution_config=ExecutionConfig.from_dict(p.raw("executionConfig")),
            job_id=p.text("jobID"),
            job_metadata=[JobMetadata.from_dict(x) for x in p.items("jobMetadata")],
            name=p.opt_text("name"),
            schedule=Schedule.from_dict(p.raw("schedule")),
            target_config=None if target is None else TargetConfig.from_dict(target),
            terminated_at=p.opt_time("terminatedAt"),
            _manager=manager,
        )

    def _jobs(self) -> JobsManager:
        return require_manager(self._manager, "job")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has run; say whether it has within ``timeout`` seconds."""
        return self._jobs()._wait_for_job(self, timing_deadline(timeout))

    def get_executions(
        self, start_execution_number: int, end_execution_number: int
    ) -> ExecutionsData:
        """Return executions by their numbers; both ends are included, the first run is 1."""
        return self._jobs().get_executions(
            self.job_id, start_execution_number, end_execution_number
        )

    def get_parameters(self) -> list[Parameter]:
        """Return the arguments of the notebook."""
        return self._jobs().get_parameters(self.job_id)

    def delete(self) -> bool:
        """Delete the job; say whether the service did."""
        return self._jobs().delete(self.job_id)


def timing_deadline(timeout: float | None) -> float | None:
    """Return the moment, on the clock of :func:`timing.now`, when a time-out has passed."""
    return None if timeout is None else timing.now() + timeout


class JobsManager(Shown):
    """Schedules notebooks and watches them."""

    def __init__(self, manager: Manager | None) -> None:
        self._manager = manager

    def _client(self) -> Manager:
        return require_manager(self._manager)

    def _resolve_target(self, target_config: dict[str, Any]) -> None:
        """Fill in the deployment that the environment names, if it names one."""
        v1 = self._client().version == "v1"
        starter, deployment = get_virtual_workspace_id(), get_workspace_id()
        if starter:
            kind = TargetType.VIRTUAL_WORKSPACE if v1 else TargetType.VIRTUAL_CLUSTER
            target_config.update(targetID=starter, targetType=kind.value)
        elif deployment:
            kind = TargetType.WORKSPACE if v1 else TargetType.CLUSTER
            target_config.update(targetID=deployment, targetType=kind.value)

    def schedule(
        self,
        notebook_path: str,
        mode: Mode,
        create_snapshot: bool,
        name: str | None = None,
        description: str | None = None,
        execution_interval_in_minutes: int | None = None,
        start_at: datetime.datetime | None = None,
        runtime_name: str | None = None,
        resume_target: bool | None = None,
        parameters: Mapping[str, Any] | None = None,
        max_allowed_execution_duration_in_minutes: int | None = None,
    ) -> Job:
        """Schedule a shared notebook.

        It runs against the deployment and database that the environment names.  The values of
        ``parameters`` are text, whole numbers, floats or truth values; others raise ``TypeError``.
        """
        target: dict[str, Any] | None = None
        database = get_database_name()
        if database is not None:
            target = set_fields({"databaseName": database, "resumeTarget": resume_target})
            self._resolve_target(target)
        body = {
            "name": name,
            "description": description,
            "schedule": set_fields(
                {
                    "mode": mode.value,
                    "startAt": from_datetime(start_at),
                    "executionIntervalInMinutes": execution_interval_in_minutes,
                }
            ),
            "executionConfig": set_fields(
                {
                    "createSnapshot": create_snapshot,
                    "notebookPath": notebook_path,
                    "runtimeName": runtime_name,
                    "maxAllowedExecutionDurationInMinutes": (
                        max_allowed_execution_duration_in_minutes
                    ),
                }
            ),
            "targetConfig": target,
            "parameters": None
            if parameters is None
            else [_parameter(k, v) for k, v in parameters.items()],
        }
        res = self._client()._post("jobs", json=set_fields(body))
        return Job.from_dict(decode_object(res), self)

    def run(
        self,
        notebook_path: str,
        runtime_name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Job:
        """Run a shared notebook once, now."""
        return self.schedule(
            notebook_path,
            Mode.ONCE,
            False,
            start_at=datetime.datetime.now(datetime.timezone.utc),
            runtime_name=runtime_name,
            parameters=parameters,
        )

    def wait(self, jobs: Sequence[Union[str, Job]], timeout: float | None = None) -> bool:  # noqa: UP007  # forward reference
        """Wait until each job has run; say whether all have within ``timeout`` seconds."""
        if timeout is not None and timeout <= 0:
            return False
        deadline = timing_deadline(timeout)
        return all(self._wait_for_job(job, deadline) for job in jobs)

    def _wait_for_job(self, job: str | Job, deadline: float | None) -> bool:
        job_id = job if isinstance(job, str) else job.job_id
        while True:
            if deadline is not None and timing.now() >= deadline:
                return False
            current = self.get(job_id)
            if current.schedule.mode is Mode.RECURRING:
                raise ValueError(f"job {job_id} is recurring: it never ends")
            if current.completed_executions_count > 0:
                return True
            left = _POLL_INTERVAL if deadline is None else deadline - timing.now()
            timing.sleep(max(0.0, min(_POLL_INTERVAL, left)), "job completion")

    def get(self, job_id: str) -> Job:
        """Return the job of that ID."""
        res = self._client()._get(f"jobs/{segment(job_id, 'job ID')}")
        return Job.from_dict(decode_object(res), self)

    def get_executions(
        self, job_id: str, start_execution_number: int, end_execution_number: int
    ) -> ExecutionsData:
        """Return executions by their numbers; both ends are included, the first run is 1."""
        res = self._client()._get(
            f"jobs/{segment(job_id, 'job ID')}/executions",
            params={"start": start_execution_number, "end": end_execution_number},
        )
        return ExecutionsData.from_dict(decode_object(res))

    def get_parameters(self, job_id: str) -> list[Parameter]:
        """Return the arguments of the job's notebook."""
        res = self._client()._get(f"jobs/{segment(job_id, 'job ID')}/parameters")
        return [Parameter.from_dict(x) for x in decode_array(res)]

    def delete(self, job_id: str) -> bool:
        """Delete a job; say whether the service did."""
        res = self._client()._delete(f"jobs/{segment(job_id, 'job ID')}")
        return res.status_code == 404 or decode(res) is True

    def modes(self) -> type[Mode]:
        """Return the modes there are."""
        return Mode

    def runtimes(self) -> list[Runtime]:
        """Return what notebooks can run on."""
        return [Runtime.from_dict(x) for x in decode_array(self._client()._get("jobs/runtimes"))]


def _parameter(name: str, value: Any) -> dict[str, str]:
    kind = _PARAMETER_TYPES.get(type(value))
    if kind is None:
        raise TypeError(
            f"job parameter {name!r} must be str, int, float or bool, got {type(value).__name__}"
        )
    return {"name": name, "value": str(value), "type": kind}
