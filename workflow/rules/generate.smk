# These rules make completions of an evaluation's tasks with a policy. Those of controls need no
# model.
localrules:
    control,


rule generate:
    input:
        model=model_of,
        adapters=lambda w: noted(adapters_of(w)) if evaluation_of(w).adapter else [],
        tasks=evaluated_tasks,
    output:
        PATHS.COMPLETIONS,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/generate.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/generate.jsonl"
    wildcard_constraints:
        model=one_of(CONFIG.models),
    threads: CONFIG.resources.generate.cpus
    resources:
        **SITE.ask(CONFIG.resources.generate),
    params:
        model=lambda w, input: folder_of(input.model[0]),
        adapter=adapter_option,
        stamps=environment_stamps("generate"),
        environment=environment_of,
        settings=lambda w: to_json(CONFIG.generate_settings(cell_of(w), evaluation_of(w))),
    shell:
        "rlvf generate --environment {params.environment} --model {params.model} {params.adapter}"
        " --tasks {input.tasks} --settings {params.settings:q} --out {output} 2> {log}"


rule control:
    input:
        tasks=evaluated_tasks,
    output:
        PATHS.COMPLETIONS,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/control.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/control.jsonl"
    wildcard_constraints:
        model=NO_MODEL,
    params:
        stamps=environment_stamps("control"),
        environment=environment_of,
    shell:
        "rlvf control --environment {params.environment} --policy {wildcards.policy}"
        " --tasks {input.tasks} --out {output} 2> {log}"
