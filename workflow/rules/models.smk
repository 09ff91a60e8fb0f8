# These rules fetch published models from the hub, which needs a network, and pretrain mini models.
localrules:
    fetch_model,


rule fetch_model:
    output:
        PATHS.FETCHED_MODEL,
    log:
        f"{PATHS.LOGS}/models/{{repo}}/{{revision}}.log",
    benchmark:
        f"{PATHS.USAGE}/models/{{repo}}/{{revision}}.jsonl"
    params:
        folder=lambda w, output: folder_of(output[0]),
        settings=lambda w: fetch_settings("hub", w),
    shell:
        "rlvf fetch --settings {params.settings:q} --out {params.folder} --note {output}"
        " 2> >(tee {log} >&2)"


rule pretrain_model:
    output:
        folder=directory(PATHS.PRETRAINED_MODEL),
        note=note_of(PATHS.PRETRAINED_MODEL),
    log:
        f"{PATHS.LOGS}/models/{{model}}.log",
    benchmark:
        f"{PATHS.USAGE}/models/{{model}}.jsonl"
    wildcard_constraints:
        model=one_of(models_of("mini")),
    threads: CONFIG.resources.train.cpus
    resources:
        **SITE.ask(CONFIG.resources.train),
    params:
        stamps=stamps("pretrain"),
        settings=lambda w: to_json(CONFIG.pretrain_settings(w.model)),
    shell:
        "rlvf pretrain --settings {params.settings:q} --out {output.folder} 2> >(tee {log} >&2)"
