# Models: fetched from the hub once, where there is a network, or pretrained here.
localrules:
    fetch_model,


rule fetch_model:
    output:
        directory(MODEL),
    log:
        f"{LOGS}/models/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/models/{{model}}.jsonl"
    wildcard_constraints:
        model=one_of(models_of("hub")),
    params:
        settings=lambda w: to_json(CONFIG.models[w.model]),
    shell:
        "rlvf fetch --settings {params.settings:q} --out {output} 2> >(tee {log} >&2)"


rule pretrain_model:
    output:
        directory(MODEL),
    log:
        f"{LOGS}/models/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/models/{{model}}.jsonl"
    wildcard_constraints:
        model=one_of(models_of("mini")),
    threads: CONFIG.resources.train.cpus
    resources:
        **cluster("train"),
    params:
        settings=lambda w: to_json(CONFIG.pretrain_settings(w.model)),
    shell:
        "rlvf pretrain --settings {params.settings:q} --out {output} 2> >(tee {log} >&2)"
