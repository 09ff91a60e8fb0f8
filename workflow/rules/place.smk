# Where Snakemake is started: results, cache, paper and containers have paths from there.
import os
import shlex
import sys

if not (os.path.isdir(workflow.basedir) and os.path.samefile(workflow.basedir, ".")):
    sys.exit(
        "Snakemake has to be started in the checkout, the folder of the Snakefile, without "
        f"--directory: cd {shlex.quote(os.path.realpath(workflow.basedir))}"
    )
