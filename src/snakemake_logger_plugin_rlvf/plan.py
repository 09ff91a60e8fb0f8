"""Reads from Snakemake's own objects what it has planned."""

from collections.abc import Iterable

from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange
from snakemake.settings.types import RerunTrigger

from rlvf.runs.dry_run import DagJob, DryRun, Environment, ExplainedJob
from rlvf.runs.events import PlannedJob


def planned_jobs(dag) -> dict:
    """Return the jobs to run, by Snakemake's own job objects."""
    jobs = {job: dag.jobid(job) for job in dag.needrun_jobs(exclude_finished=False)}
    return {
        job: PlannedJob(
            id=number,
            rule=job.rule.name,
            wildcards={key: str(value) for key, value in job.wildcards_dict.items()},
            needs=sorted(jobs[need] for need in dag.dependencies[job] if need in jobs),
            logs=[str(path) for path in job.log],
            local=job.is_local,
        )
        for job, number in jobs.items()
    }


def explained(workflow) -> DryRun:
    """Return what a run of the workflow would do, and what is known about the reasons. Target
    rules, which make nothing, are left out."""
    dag = workflow.dag
    reading = _Reading(workflow)
    jobs = [
        workflow.async_run(reading.explain(job, planned))
        for job, planned in planned_jobs(dag).items()
        if job.output
    ]
    return DryRun(
        config=workflow.config,
        unrecorded=sum(dag.reason(job).no_metadata for job in dag.jobs if not dag.needrun(job)),
        jobs=jobs,
        dag=[_of_dag(job, dag) for job in dag.jobs if job.output],
    )


def _of_dag(job, dag) -> DagJob:
    resources = job.resources
    return DagJob(
        id=dag.jobid(job),
        rule=job.rule.name,
        wildcards={key: str(value) for key, value in job.wildcards_dict.items()},
        needs=sorted(dag.jobid(need) for need in dag.dependencies[job]),
        gpus=int(resources.get("gpu", 0) or str(resources.get("gres", "0")).rpartition(":")[2]),
        threads=job.threads,
        runtime=resources.get("runtime"),
        submitted=not job.is_local,
    )


class _Reading:
    """Finds what differs between a job and Snakemake's records of how its outputs were made.

    Snakemake stops looking for reasons to run a job when it has found one, and it does not look at
    jobs that follow from such a job. This class looks for every difference in every job, with
    Snakemake's own functions.
    """

    def __init__(self, workflow):
        self.dag, self.records = workflow.dag, workflow.persistence
        self.triggers = workflow.rerun_triggers

    async def explain(self, job, planned: PlannedJob) -> ExplainedJob:
        reason = self.dag.reason(job)
        records = [record for path in job.output if (record := self.records.metadata(path))]
        missing = [path async for path in job.missing_output(job.output)]
        incomplete = await self.records.incomplete(job)
        updated = await self._updated(job, reason)
        compared = {path for record in records for path in record.input_checksums or ()}
        added, removed = self._inputs(job, records)
        params = self._params(job)
        return ExplainedJob(
            job=planned,
            recorded=bool(records),
            # Snakemake also forces incomplete jobs, which nobody asked for.
            forced=reason.forced and not incomplete,
            missing=_texts(missing),
            incomplete=_texts(incomplete),
            changed=_texts(updated & compared),
            newer=_texts(updated - compared),
            inputs_added=_texts(added),
            inputs_removed=_texts(removed),
            params_before=_texts(params.only_old),
            params_now=_texts(params.only_new),
            command=self._command(job),
            environment=self._environment(job, records),
        )

    def _inputs(self, job, records) -> tuple[set, set]:
        """Return the added and the removed inputs. Inputs that the run makes first are left out of
        the added ones."""
        if RerunTrigger.INPUT not in self.triggers or not any(self.records.input_changed(job)):
            return set(), set()
        before = {path for record in records for path in record.input or ()}
        return set(job.input) - before - self._made(job), before - set(job.input)

    def _params(self, job) -> ParamsChange:
        tracked = RerunTrigger.PARAMS in self.triggers
        return self.records.params_changed(job) if tracked else NO_PARAMS_CHANGE

    def _command(self, job) -> str | None:
        tracked = RerunTrigger.CODE in self.triggers
        return str(job.rule.snakefile) if tracked and any(self.records.code_changed(job)) else None

    def _environment(self, job, records) -> Environment | None:
        changed = self.records.software_stack_changed(job)
        if RerunTrigger.SOFTWARE_ENV not in self.triggers or not any(changed):
            return None
        return Environment(before=records[0].container_img_url, now=job.container_img_url)

    async def _updated(self, job, reason) -> set:
        """Return the inputs that differ from what was used before, without those that the run makes
        first."""
        found = reason.updated_input - reason.updated_input_run
        oldest = await job.output_mintime
        if not found and oldest is not None:
            limit = self.dag.max_checksum_file_size
            for path in set(job.input) - self._made(job):
                if await path.exists() and await path.is_newer(oldest):
                    checksums = self.records.input_checksums(job, path)
                    same = len(checksums) == 1 and await path.is_same_checksum(
                        checksums.pop(), limit
                    )
                    if not same:
                        found.add(path)
        return found

    def _made(self, job) -> set:
        """Return the inputs that the run makes before this job."""
        dependencies = self.dag.dependencies[job].items()
        return {path for need, paths in dependencies if self.dag.needrun(need) for path in paths}


def _texts(found: Iterable[str]) -> list[str]:
    return sorted(map(str, found))
