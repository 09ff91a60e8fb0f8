# A model and a cell's settings -> adapter, training log, sample of rollouts.
rule train:
    input:
        model=MODEL,
        tasks=f"{TASKS}/train.jsonl",
    output:
        adapter=directory(f"{CELL}/adapter"),
        log=f"{CELL}/train.jsonl",
        rollouts=f"{CELL}/rollouts.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/train.jsonl"
    threads: CONFIG.resources.train.cpus
    resources:
        **cluster("train"),
    params:
        settings=lambda w: to_json(CONFIG.train_settings(cell_of(w))),
    shell:
        "HF_HUB_OFFLINE=1 rlvf train --model {input.model} --tasks {input.tasks}"
        " --settings {params.settings:q} --workers {threads}"
        " --log {output.log} --rollouts {output.rollouts} --out {output.adapter}"
        " 2> >(tee {log} >&2)"
