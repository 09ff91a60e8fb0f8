# Snakemake must be started in the checkout, since the paths of results, cache, paper and containers
# are relative to the folder in which it is started.
import os
import shlex
import sys

if not (os.path.isdir(workflow.basedir) and os.path.samefile(workflow.basedir, ".")):
    sys.exit(
        "Snakemake has to be started in the checkout, the folder of the Snakefile, without "
        f"--directory: cd {shlex.quote(os.path.realpath(workflow.basedir))}"
    )
