# What is done at the start and at the end of a run.
import subprocess

from rlvf.checksums import noted_source
from rlvf.files import take_lock
from rlvf.runs.slurm import cancel_jobs_of_earlier_runs
from snakemake_logger_plugin_rlvf import attach, log_plan


def start_alone():
    """Make sure that no other run is at work here, and none of its jobs. Snakemake's own lock stays
    behind when it is killed; this one does not."""
    global RUN_LOCK
    try:
        RUN_LOCK = take_lock(".snakemake/run.lock", "another Snakemake is at work in this folder")
    except RlvfError as error:
        sys.exit(str(error))
    cancel_jobs_of_earlier_runs(os.getcwd())


def fetch_what_is_gone(dag):
    """Fetch what a job of this run needs and the cache no longer has, since it was emptied or the
    results came without it. For Snakemake a missing folder would be reason enough to make all that
    was ever made from it again."""
    inputs = {path for job in dag.needrun_jobs() for path in job.input}
    for note in sorted(filter(os.path.exists, inputs)):
        folder = folder_of(note)
        if folder != note and not os.path.exists(folder):
            settings = to_json(noted_source(note))
            if run_rlvf("fetch", "--settings", settings, "--out", folder) != 0:
                sys.exit(1)


def report_usage():
    """Show what jobs used against what they asked for."""
    times = [file for study in CONFIG.studies for file in training_times_of(study)]
    times = filter(os.path.exists, times)
    run_rlvf("usage", "--benchmarks", BENCHMARKS, "--out", RESULTS, "--times", *times)


def record_provenance():
    """Bring the manifest up to date."""
    run_rlvf("manifest", RESULTS)


def run_rlvf(*arguments):
    """The exit status of a stage. A process of its own cannot fail the run."""
    command = [sys.executable, "-m", "rlvf.cli", *arguments]
    return subprocess.run(command, check=False).returncode


def announce_products(dag):
    """Say what there is to read of what this run made or found up to date."""
    planned = {path for job in dag.jobs for path in job.output}
    to_read = expand((PAPER, TABLES, CLAIMS, FIGURES, EXPLORER), study=CONFIG.studies)
    there = [path for path in to_read if path in planned and os.path.exists(path)]
    if there:
        print("\nDone. To read:", *there, sep="\n  ")


attach(workflow)


onstart:
    start_alone()
    fetch_what_is_gone(workflow.dag)
    log_plan(workflow)


onsuccess:
    report_usage()
    record_provenance()
    announce_products(workflow.dag)


onerror:
    report_usage()
    record_provenance()
