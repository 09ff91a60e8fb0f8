# This rule makes the adapters of a cell, its training log, a sample of its rollouts and its times.
# After an interruption the same command goes on from the checkpoints. These are not an output,
# because Snakemake removes outputs of failed jobs. The shell ignores the signals that ask a
# training to stop, so that only rlvf handles them.
rule train:
    input:
        model=model_of,
        tasks=lambda w: tasks_of(w, training_of(w).tasks),
        start=start_of,
    output:
        adapters=directory(PATHS.ADAPTERS),
        note=note_of(PATHS.ADAPTERS),
        log=PATHS.TRAINING_LOG,
        rollouts=PATHS.ROLLOUTS,
        times=PATHS.TRAINING_TIMES,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.jsonl"
    threads: CONFIG.resources.train.cpus
    resources:
        **SITE.ask(CONFIG.resources.train, saves=True),
        # This is not a parameter, because a changed parameter would train again.
        checkpoint_every=CONFIG.checkpoint_every,
    params:
        model=lambda w, input: folder_of(input.model[0]),
        start=start_option,
        stamps=training_stamps,
        settings=lambda w: to_json(CONFIG.train_settings(cell_of(w))),
        checkpoints=PATHS.CHECKPOINTS,
    shell:
        "trap '' TERM USR1; rlvf train --model {params.model} {params.start} --tasks {input.tasks}"
        " --settings {params.settings:q} --workers {threads}"
        " --checkpoints {params.checkpoints} --checkpoint-every {resources.checkpoint_every}"
        " --log {output.log} --rollouts {output.rollouts} --times {output.times}"
        " --out {output.adapters} 2> >(tee {log} >&2)"
