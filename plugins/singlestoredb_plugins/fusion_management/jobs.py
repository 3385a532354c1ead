"""Scheduled notebooks: version 2 of the management API."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from singlestoredb.fusion import BOOL, DATETIME, INTEGER, STRING, FusionSQLResult

from ._command import Column, Command, InvalidClause, Params, Services, seconds, table

if TYPE_CHECKING:
    from singlestoredb.management.job import JobsManager

_JOB_ID: tuple[Column, ...] = (("JobID", STRING, lambda job: job.job_id),)


def _jobs(services: Services) -> JobsManager:
    return services.clusters.organizations.current.jobs


class ScheduleJob(Command):
    """
    SCHEDULE JOB USING NOTEBOOK notebook_path
        with_mode
        [ create_snapshot ]
        [ with_runtime ]
        [ with_name ]
        [ with_description ]
        [ execute_every ]
        [ start_at ]
        [ resume_target ]
        [ with_parameters ];

    notebook_path = '<notebook-path>'
    with_mode = WITH MODE '<mode>'
    create_snapshot = CREATE SNAPSHOT
    with_runtime = WITH RUNTIME '<runtime-name>'
    with_name = WITH NAME '<job-name>'
    with_description = WITH DESCRIPTION '<job-description>'
    execute_every = EXECUTE EVERY interval time_unit
    interval = <integer>
    time_unit = { MINUTES | HOURS | DAYS }
    start_at = START AT '<year>-<month>-<day> <hour>:<min>:<sec>'
    resume_target = RESUME TARGET
    with_parameters = WITH PARAMETERS <json>

    Description
    -----------
    Schedule a shared notebook. The answer is the ID of the job.

    Arguments
    ---------
    * ``<mode>``: ``Once`` or ``Recurring``.
    * ``<runtime-name>``: as ``SHOW JOB RUNTIMES`` lists them.

    Remarks
    -------
    * The notebook runs against the deployment and database that the environment names:
      SINGLESTOREDB_VIRTUAL_WORKSPACE or SINGLESTOREDB_WORKSPACE, and
      SINGLESTOREDB_DEFAULT_DATABASE.
    * ``START AT`` is UTC.

    Example
    -------
    ::

        SCHEDULE JOB USING NOTEBOOK 'report.ipynb' WITH MODE 'Recurring'
            EXECUTE EVERY 2 HOURS START AT '2030-01-01 06:00:00'
            WITH PARAMETERS {"region": "EU", "limit": 10};

    See Also
    --------
    * ``RUN JOB USING NOTEBOOK``
    * ``SHOW JOBS``
    """

    _preview = True

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Schedule the job."""
        from singlestoredb.management.job import Mode

        every = params["execute_every"]
        interval = None
        if every is not None:
            interval = seconds(every["interval"], every["time_unit"]) // 60
        mode = Mode.from_str(params["with_mode"])
        start_at = _moment(params["start_at"])
        job = _jobs(services).schedule(
            params["notebook_path"],
            mode=mode,
            create_snapshot=params["create_snapshot"],
            name=params["with_name"],
            description=params["with_description"],
            execution_interval_in_minutes=interval,
            start_at=start_at,
            runtime_name=params["with_runtime"],
            resume_target=params["resume_target"],
            parameters=params["with_parameters"],
        )
        return table(_JOB_ID, [job])


def _moment(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidClause(
            None, f"START AT takes '<year>-<month>-<day> <hour>:<min>:<sec>', got {text!r}"
        ) from None


class RunJob(Command):
    """
    RUN JOB USING NOTEBOOK notebook_path [ with_runtime ] [ with_parameters ];

    notebook_path = '<notebook-path>'
    with_runtime = WITH RUNTIME '<runtime-name>'
    with_parameters = WITH PARAMETERS <json>

    Description
    -----------
    Run a shared notebook once, now. The answer is the ID of the job.

    Example
    -------
    ::

        RUN JOB USING NOTEBOOK 'report.ipynb' WITH PARAMETERS {"region": "EU"};

    See Also
    --------
    * ``SCHEDULE JOB USING NOTEBOOK``
    * ``WAIT ON JOBS``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Run the notebook."""
        job = _jobs(services).run(
            params["notebook_path"], params["with_runtime"], params["with_parameters"]
        )
        return table(_JOB_ID, [job])


class WaitOnJobs(Command):
    """
    WAIT ON JOBS job_ids [ with_timeout ];

    job_ids = '<job-id>',...
    with_timeout = WITH TIMEOUT time time_unit
    time = <integer>
    time_unit = { SECONDS | MINUTES | HOURS }

    Description
    -----------
    Wait until jobs have run. The answer is whether all have within the time given.

    Example
    -------
    ::

        WAIT ON JOBS '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11' WITH TIMEOUT 10 MINUTES;

    See Also
    --------
    * ``RUN JOB USING NOTEBOOK``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Wait for the jobs."""
        limit = params["with_timeout"]
        timeout = None if limit is None else seconds(limit["time"], limit["time_unit"])
        done = _jobs(services).wait(params["job_ids"], timeout=timeout)
        return table([("Success", BOOL, lambda value: value)], [done])


def _target(job: Any, name: str) -> Any:
    return None if job.target_config is None else getattr(job.target_config, name)


class ShowJobs(Command):
    """
    SHOW JOBS job_ids [ <extended> ] [ <like> ];

    job_ids = '<job-id>',...

    Description
    -----------
    Show jobs.

    Remarks
    -------
    * ``LIKE`` is compared with the name.
    * ``EXTENDED`` adds the description, the settings and the schedule.

    Example
    -------
    ::

        SHOW JOBS '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11' EXTENDED;

    See Also
    --------
    * ``SHOW JOB EXECUTIONS``
    """

    columns: tuple[Column, ...] = (
        *_JOB_ID,
        ("Name", STRING, lambda job: job.name),
        ("CreatedAt", DATETIME, lambda job: job.created_at),
        ("EnqueuedBy", STRING, lambda job: job.enqueued_by),
        ("CompletedExecutions", INTEGER, lambda job: job.completed_executions_count),
        ("NotebookPath", STRING, lambda job: job.execution_config.notebook_path),
        ("DatabaseName", STRING, lambda job: _target(job, "database_name")),
        ("TargetID", STRING, lambda job: _target(job, "target_id")),
        ("TargetType", STRING, lambda job: job.target_config and str(_target(job, "target_type"))),
    )
    extended: tuple[Column, ...] = (
        ("Description", STRING, lambda job: job.description),
        ("TerminatedAt", DATETIME, lambda job: job.terminated_at),
        ("CreateSnapshot", BOOL, lambda job: job.execution_config.create_snapshot),
        ("MaxDurationInMins", INTEGER, lambda job: job.execution_config.max_duration_in_mins),
        (
            "ExecutionIntervalInMins",
            INTEGER,
            lambda job: job.schedule.execution_interval_in_minutes,
        ),
        ("Mode", STRING, lambda job: str(job.schedule.mode)),
        ("StartAt", DATETIME, lambda job: job.schedule.start_at),
        ("ResumeTarget", BOOL, lambda job: _target(job, "resume_target")),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Show the jobs."""
        jobs = _jobs(services)
        columns = self.columns + (self.extended if params["extended"] else ())
        found = [jobs.get(job_id) for job_id in params["job_ids"]]
        return table(columns, found).like(Name=params["like"])


class ShowJobExecutions(Command):
    """
    SHOW JOB EXECUTIONS for_job_id from_start to_end [ <extended> ];

    for_job_id = FOR '<job-id>'
    from_start = FROM <integer>
    to_end = TO <integer>

    Description
    -----------
    List the executions of a job by their numbers, from 1; both ends are included.

    Remarks
    -------
    * ``EXTENDED`` adds the path of the notebook's snapshot.

    Example
    -------
    ::

        SHOW JOB EXECUTIONS FOR '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11' FROM 1 TO 10;

    See Also
    --------
    * ``SHOW JOBS``
    """

    columns: tuple[Column, ...] = (
        ("ExecutionID", STRING, lambda execution: execution.execution_id),
        ("ExecutionNumber", INTEGER, lambda execution: execution.execution_number),
        ("JobID", STRING, lambda execution: execution.job_id),
        ("Status", STRING, lambda execution: str(execution.status)),
        ("ScheduledStartTime", DATETIME, lambda execution: execution.scheduled_start_time),
        ("StartedAt", DATETIME, lambda execution: execution.started_at),
        ("FinishedAt", DATETIME, lambda execution: execution.finished_at),
    )
    extended: tuple[Column, ...] = (
        ("SnapshotNotebookPath", STRING, lambda execution: execution.snapshot_notebook_path),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the executions."""
        columns = self.columns + (self.extended if params["extended"] else ())
        found = _jobs(services).get_executions(
            params["for_job_id"], params["from_start"], params["to_end"]
        )
        return table(columns, found.executions)


class ShowJobParameters(Command):
    """
    SHOW JOB PARAMETERS for_job_id;

    for_job_id = FOR '<job-id>'

    Description
    -----------
    List the arguments of a job's notebook.

    Example
    -------
    ::

        SHOW JOB PARAMETERS FOR '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``SHOW JOBS``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda parameter: parameter.name),
        ("Value", STRING, lambda parameter: parameter.value),
        ("Type", STRING, lambda parameter: parameter.type),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the parameters."""
        return table(self.columns, _jobs(services).get_parameters(params["for_job_id"]))


class ShowJobRuntimes(Command):
    """
    SHOW JOB RUNTIMES;

    Description
    -----------
    List what notebooks can run on.

    Example
    -------
    ::

        SHOW JOB RUNTIMES;

    See Also
    --------
    * ``RUN JOB USING NOTEBOOK``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda runtime: runtime.name),
        ("Description", STRING, lambda runtime: runtime.description),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the runtimes."""
        return table(self.columns, _jobs(services).runtimes())


class DropJobs(Command):
    """
    DROP JOBS job_ids;

    job_ids = '<job-id>',...

    Description
    -----------
    Delete jobs, in the order given. The answer says for each whether the service did.

    Example
    -------
    ::

        DROP JOBS '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``SHOW JOBS``
    """

    columns: tuple[Column, ...] = (
        ("JobID", STRING, lambda dropped: dropped[0]),
        ("Success", BOOL, lambda dropped: dropped[1]),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Delete the jobs."""
        jobs = _jobs(services)
        return table(self.columns, [(job_id, jobs.delete(job_id)) for job_id in params["job_ids"]])


COMMANDS = (
    ScheduleJob,
    RunJob,
    WaitOnJobs,
    ShowJobs,
    ShowJobExecutions,
    ShowJobParameters,
    ShowJobRuntimes,
    DropJobs,
)
