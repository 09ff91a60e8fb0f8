"""Watching a run: what Snakemake says of its jobs becomes events in a file (`events`), these and
Slurm's answers (`slurm`) the state of a run (`run`), and that a text to read (`report`).

And foreseeing one: what Snakemake says of a dry run (`dry_run`) becomes causes in the words of who
changed something (`causes`), and these a text to read (`why`).

Knows nothing of Snakemake's code; snakemake_logger_plugin_rlvf writes the events and the dry run.
"""
