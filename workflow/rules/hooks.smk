# This file says what is done at the start and at the end of a run.
import subprocess

from rlvf.checksums import noted_source
from rlvf.files import take_lock
from rlvf.runs.slurm import cancel_jobs_of_earlier_runs
from snakemake_logger_plugin_rlvf import attach, log_plan


def start_alone():
    """Make sure that no other run and no job of an earlier run is at work in this folder. Unlike
    Snakemake's own lock, the lock that is taken here vanishes when Snakemake is killed."""
    global RUN_LOCK
    try:
        RUN_LOCK = take_lock(".snakemake/run.lock", "another Snakemake is at work in this folder")
    except RlvfError as error:
        sys.exit(str(error))
    cancel_jobs_of_earlier_runs(os.getcwd())


def fetch_what_is_gone(dag):
    """Fetch what a job of this run needs and the cache lacks, because it was emptied or because the
    results were unpacked from an archive. This is not left to Snakemake, which would make again
    everything that was made from a missing folder."""
    inputs = {path for job in dag.needrun_jobs() for path in job.input}
    for note in sorted(filter(os.path.exists, inputs)):
        folder = folder_of(note)
        if folder != note and not os.path.exists(folder):
            settings = to_json(noted_source(note))
            if run_rlvf("fetch", "--settings", settings, "--out", folder) != 0:
                sys.exit(1)


def report_usage():
    """Compare what jobs used with what they asked for."""
    times = [file for study in CONFIG.studies for file in of_trainings(study, PATHS.TRAINING_TIMES)]
    times = filter(os.path.exists, times)
    run_rlvf("usage", "--jobs", PATHS.USAGE, "--out", CONFIG.results, "--times", *times)


def record_provenance():
    """Bring the manifest up to date."""
    run_rlvf("manifest", CONFIG.results)


def run_rlvf(*arguments):
    """Run a stage and return its exit status. It is a process of its own, so that it cannot make
    the run fail."""
    command = [sys.executable, "-m", "rlvf.cli", *arguments]
    return subprocess.run(command, check=False).returncode


def announce_products(dag):
    """List the products for readers that this run made or found up to date."""
    planned = {path for job in dag.jobs for path in job.output}
    kinds = (PATHS.PAPER, PATHS.TABLES, PATHS.CLAIMS, PATHS.FIGURES, PATHS.EXPLORER)
    to_read = expand(kinds, study=CONFIG.studies)
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
