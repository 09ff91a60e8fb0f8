"""This package holds all code about runs of Snakemake, apart from the workflow's rules.

- Before a run, `plan` estimates what it will take, `dry_run` finds out which jobs Snakemake would
  do, `causes` and `why` explain which changes make it do them, and `slurm` checks what Slurm is
  asked for.
- During a run, Snakemake's messages about its jobs are written to a file as events (`events`).
  `run` computes the state of the run from these events and from Slurm's answers (`squeue`), and
  `status` shows that state as text.
- After a run, `usage` tells what jobs used, `place` where a stage ran, and `metadata` what
  Snakemake has recorded of a product. `manifest` writes the manifest of all products, `check`
  checks the files against it, and `archive` packs everything into one file.

What needs Snakemake's own objects is in snakemake_logger_plugin_rlvf, which writes the events and
the dry run.
"""
