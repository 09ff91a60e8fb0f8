# This rule makes the adapter of a cell, its training log, a sample of its rollouts and its times.
# After an interruption the same command goes on from the checkpoints. These are not an output,
# because Snakemake removes outputs of failed jobs. The shell ignores the signals that ask a
# training to stop, so that only rlvf handles them.
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
        # This is not a parameter, because a changed parameter would train again.
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
