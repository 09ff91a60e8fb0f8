# These rules make completions of the test tasks with a policy. Those of controls need no model.
localrules:
    control,


rule generate:
    input:
        model=model_of,
        adapter=lambda w: noted(f"{CELL}/adapter") if cell_of(w).trained else [],
        tasks=f"{TASKS}/test.jsonl",
    output:
        f"{DECODED}/completions.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/generate.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/generate.jsonl"
    wildcard_constraints:
        model=one_of(CONFIG.models),
    threads: CONFIG.resources.generate.cpus
    resources:
        **SITE.ask(CONFIG.resources.generate),
    params:
        model=lambda w, input: folder_of(input.model[0]),
        adapter=lambda w, input: f"--adapter {input.adapter[0]}" if input.adapter else "",
        stamps=stamps("generate"),
        settings=lambda w: to_json(CONFIG.generate_settings(cell_of(w), w.decoding)),
    shell:
        "rlvf generate --model {params.model} {params.adapter}"
        " --tasks {input.tasks} --settings {params.settings:q} --out {output} 2> {log}"


rule control:
    input:
        tasks=f"{TASKS}/test.jsonl",
    output:
        f"{DECODED}/completions.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/control.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/control.jsonl"
    wildcard_constraints:
        model=NO_MODEL,
    params:
        stamps=stamps("control"),
    shell:
        "rlvf control --policy {wildcards.policy} --tasks {input.tasks} --out {output} 2> {log}"
