# Completions -> executions in the sandbox, and Ruff reports.
rule execute:
    input:
        tasks=f"{TASKS}/test.jsonl",
        completions=f"{DECODED}/completions.jsonl",
    output:
        f"{DECODED}/executions.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/execute.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/execute.jsonl"
    threads: CONFIG.resources.other.cpus
    resources:
        **cluster("other"),
    params:
        settings=to_json(CONFIG.sandbox),
    shell:
        "rlvf execute --tasks {input.tasks} --completions {input.completions}"
        " --settings {params.settings:q} --workers {threads} --out {output} 2> {log}"


rule lint:
    input:
        completions=f"{DECODED}/completions.jsonl",
    output:
        f"{DECODED}/ruff.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/lint.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/lint.jsonl"
    resources:
        **cluster("other"),
    params:
        settings=to_json(CONFIG.lint),
    shell:
        "rlvf lint --completions {input.completions}"
        " --settings {params.settings:q} --out {output} 2> {log}"
