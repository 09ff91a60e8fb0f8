"""What Snakemake has planned, read from its own objects."""

from snakemake.settings.types import RerunTrigger

from rlvf.watching.dry_run import DryRun, Environment, ExplainedJob
from rlvf.watching.events import PlannedJob


def planned_jobs(dag) -> dict:
    """By Snakemake's job, the jobs to run."""
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
    """What a run of the workflow would do, and what is known of why; target rules, which make
    nothing, are left out."""
    dag = workflow.dag
    reading = _Reading(workflow)
    jobs = [
        workflow.async_run(reading.explain(job, planned))
        for job, planned in planned_jobs(dag).items()
        if job.output
    ]
    return DryRun(
        config=workflow.config,
        total=sum(bool(job.output) for job in dag.jobs),
        unrecorded=sum(dag.reason(job).no_metadata for job in dag.jobs if not dag.needrun(job)),
        jobs=jobs,
    )


class _Reading:
    """What differs between a job and Snakemake's records of how its outputs were made.

    Snakemake itself looks for a reason to run a job only until it has found one, and in no job
    that follows such a job; here every difference is looked for, by Snakemake's own means.
    """

    def __init__(self, workflow):
        self.dag, self.records = workflow.dag, workflow.persistence
        self.triggers = workflow.rerun_triggers

    async def explain(self, job, planned: PlannedJob) -> ExplainedJob:
        reason = self.dag.reason(job)
        incomplete = [str(path) for path in await self.records.incomplete(job)]
        missing = [str(path) async for path in job.missing_output(job.output)]
        records = [record for path in job.output if (record := self.records.metadata(path))]
        found = ExplainedJob(
            job=planned,
            recorded=bool(records),
            forced=reason.forced and not incomplete,
            missing=missing,
            incomplete=incomplete,
        )
        if not records:
            return found
        for path in await self._updated(job, reason):
            compared = any(path in (record.input_checksums or ()) for record in records)
            (found.changed if compared else found.newer).append(str(path))
        if RerunTrigger.INPUT in self.triggers and any(self.records.input_changed(job)):
            before = {path for record in records for path in record.input or ()}
            found.inputs_removed = sorted(before - set(job.input))
            # What is made first is new, too: that follows from the jobs that make it.
            found.inputs_added = sorted(set(job.input) - before - self._made(job))
        if RerunTrigger.PARAMS in self.triggers:
            params = self.records.params_changed(job)
            found.params_before, found.params_now = sorted(params.only_old), sorted(params.only_new)
        if RerunTrigger.CODE in self.triggers and any(self.records.code_changed(job)):
            found.command = str(job.rule.snakefile)
        if RerunTrigger.SOFTWARE_ENV in self.triggers and any(
            self.records.software_stack_changed(job)
        ):
            before = records[0].container_img_url
            found.environment = Environment(before=before, now=job.container_img_url)
        return found

    async def _updated(self, job, reason) -> list:
        """The inputs, but for those that are made first, that are not what was used before."""
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
        return sorted(found)

    def _made(self, job) -> set:
        """The inputs that are made first."""
        dependencies = self.dag.dependencies[job].items()
        return {path for need, paths in dependencies if self.dag.needrun(need) for path in paths}
