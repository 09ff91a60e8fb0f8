# These rules execute completions in the sandbox, check them with Ruff, and join both into samples.
# They form a group, so that on a cluster there is one job for all that an evaluation needs.
rule execute:
    input:
        tasks=evaluated_tasks,
        completions=PATHS.COMPLETIONS,
    output:
        executions=PATHS.EXECUTIONS,
        times=PATHS.EXECUTION_TIMES,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/execute.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/execute.jsonl"
    group:
        "evaluate"
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
        completions=PATHS.COMPLETIONS,
    output:
        PATHS.LINT,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/lint.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/lint.jsonl"
    group:
        "evaluate"
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
        tasks=evaluated_tasks,
        completions=PATHS.COMPLETIONS,
        checks=lambda w: list(checks_of(w).values()),
    output:
        PATHS.SAMPLES,
    log:
        f"{PATHS.LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/measure.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{evaluation}}/measure.jsonl"
    group:
        "evaluate"
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=environment_stamps("measure"),
        environment=environment_of,
        cell=lambda w: to_json(
            {"study": w.study, "model": w.model, "policy": w.policy, "seed": int(w.seed)}
        ),
        # The function takes `input`, which Snakemake compares by itself.
        checks=lambda w, input: " ".join(
            f"--{option} {path}" for option, path in zip(checks_of(w), input.checks)
        ),
        tests_shown=lambda w: CONFIG.studies[w.study].prompt_of(cell_of(w)).tests_shown,
    shell:
        "rlvf measure --environment {params.environment} --cell {params.cell:q}"
        " --evaluation {wildcards.evaluation} --tasks {input.tasks}"
        " --completions {input.completions} {params.checks}"
        " --tests-shown {params.tests_shown} --out {output} 2> {log}"
