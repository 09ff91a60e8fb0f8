"""Watching a run: what Snakemake says of its jobs becomes events in a file (`events`), these and
Slurm's answers (`slurm`) the state of a run (`run`), and that a text to read (`report`).

Knows nothing of Snakemake's code; snakemake_logger_plugin_rlvf writes the events."""
