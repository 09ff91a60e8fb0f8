# These rules execute completions in the sandbox, check them with Ruff, and join both into samples.
# They form a group, so that on a cluster there is one job for all that a cell needs.
rule execute:
    input:
        tasks=f"{TASKS}/test.jsonl",
        completions=f"{DECODED}/completions.jsonl",
    output:
        executions=f"{DECODED}/executions.jsonl",
        times=f"{DECODED}/executions-times.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/execute.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/execute.jsonl"
    group:
        "verify"
    threads: CONFIG.resources.other.cpus
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=stamps("execute"),
        settings=to_json(CONFIG.sandbox),
    shell:
        "rlvf execute --tasks {input.tasks} --completions {input.completions}"
        " --settings {params.settings:q} --workers {threads} --times {output.times}"
        " --out {output.executions} 2> {log}"


rule lint:
    input:
        completions=f"{DECODED}/completions.jsonl",
    output:
        f"{DECODED}/ruff.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/lint.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/lint.jsonl"
    group:
        "verify"
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=stamps("lint"),
        settings=to_json(CONFIG.lint),
    shell:
        "rlvf lint --completions {input.completions}"
        " --settings {params.settings:q} --out {output} 2> {log}"


rule measure:
    input:
        tasks=f"{TASKS}/test.jsonl",
        decoded=lambda w: [file for files in decoded(w).values() for file in files],
    output:
        f"{CELL}/samples.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/measure.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/measure.jsonl"
    group:
        "verify"
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=stamps("measure"),
        cell=lambda w: to_json(dict(w) | {"seed": int(w.seed)}),
        tests_shown=CONFIG.prompt.tests_shown,
        decodings=lambda w: " ".join(
            f"--decoding {name} {' '.join(files)}" for name, files in decoded(w).items()
        ),
    shell:
        "rlvf measure --cell {params.cell:q} --tasks {input.tasks} {params.decodings}"
        " --tests-shown {params.tests_shown} --out {output} 2> {log}"
