# A model and a cell's settings -> adapter, training log, sample of rollouts, times. Where it is
# interrupted, the same command goes on from its checkpoints: so they are no output, which
# Snakemake would remove. Signals are for rlvf alone.
rule train:
    input:
        model=model_of,
        tasks=f"{TASKS}/train.jsonl",
    output:
        adapter=directory(f"{CELL}/adapter"),
        note=note_of(f"{CELL}/adapter"),
        log=f"{CELL}/train.jsonl",
        rollouts=f"{CELL}/rollouts.jsonl",
        times=f"{CELL}/train-times.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.jsonl"
    threads: CONFIG.resources.train.cpus
    resources:
        **SITE.ask(CONFIG.resources.train, saves=True),
        # Not a parameter, since that would train again when it changes.
        checkpoint_every=CONFIG.checkpoint_every,
    params:
        model=lambda w, input: folder_of(input.model[0]),
        stamps=lambda w: training_stamps(w),
        settings=lambda w: to_json(CONFIG.train_settings(cell_of(w))),
        checkpoints=f"{CELL}/checkpoints",
    shell:
        "trap '' TERM USR1; rlvf train --model {params.model} --tasks {input.tasks}"
        " --settings {params.settings:q} --workers {threads}"
        " --checkpoints {params.checkpoints} --checkpoint-every {resources.checkpoint_every}"
        " --log {output.log} --rollouts {output.rollouts} --times {output.times}"
        " --out {output.adapter} 2> >(tee {log} >&2)"
