"""Runs of Snakemake: all that knows of them, but for the rules themselves.

- Before a run: what it will take (`plan`), what Snakemake would do (`dry_run`) and because of which
  changes (`causes`, `why`), what Slurm is asked for (`slurm`).
- While it goes on: what Snakemake says of its jobs becomes events in a file (`events`), these and
  Slurm's answers (`squeue`) the state of a run (`run`), and that a text to read (`status`).
- Afterwards: what jobs used (`usage`), where a stage ran (`place`), what Snakemake records of a
  product (`metadata`), the manifest of all products (`manifest`), checking against it (`verify`),
  and one file of all that (`archive`).

It imports nothing of Snakemake: snakemake_logger_plugin_rlvf writes the events and the dry run.
"""
