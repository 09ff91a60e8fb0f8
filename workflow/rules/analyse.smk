# Completions, executions and Ruff reports -> samples -> tables and figures.
rule measure:
    input:
        tasks=f"{TASKS}/test.jsonl",
        completions=f"{DECODED}/completions.jsonl",
        executions=f"{DECODED}/executions.jsonl",
        ruff=f"{DECODED}/ruff.jsonl",
    output:
        f"{DECODED}/samples.jsonl",
    log:
        f"{LOGS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/measure.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/{{model}}/{{policy}}/seed{{seed}}/{{decoding}}/measure.jsonl"
    resources:
        **cluster("other"),
    params:
        cell=lambda w: to_json(dict(w) | {"seed": int(w.seed)}),
    shell:
        "rlvf measure --cell {params.cell:q} --tasks {input.tasks}"
        " --completions {input.completions} --executions {input.executions}"
        " --ruff {input.ruff} --out {output} 2> {log}"


rule study_tables:
    input:
        samples=lambda w: samples_of(w.study),
    output:
        report(
            directory(TABLES),
            patterns=["{name}.md"],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        f"{LOGS}/{{study}}/tables.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/tables.jsonl"
    resources:
        **cluster("other"),
    params:
        settings=to_json(CONFIG),
    shell:
        "rlvf tables --samples {input.samples} --settings {params.settings:q}"
        " --out {output} 2> {log}"


rule study_figures:
    input:
        samples=lambda w: samples_of(w.study),
        logs=lambda w: training_logs_of(w.study),
    output:
        report(
            directory(FIGURES),
            patterns=["{name}.png"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        f"{LOGS}/{{study}}/figures.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/figures.jsonl"
    resources:
        **cluster("other"),
    params:
        scale=CONFIG.scale,
    shell:
        "rlvf figures --samples {input.samples} --logs {input.logs} --scale {params.scale}"
        " --out {output} 2> {log}"


# Times differ between equal runs, so they lie apart from the tables.
rule study_cost:
    input:
        logs=lambda w: training_logs_of(w.study),
    output:
        report(
            directory(COST),
            patterns=["{name}.md"],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        f"{LOGS}/{{study}}/cost.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/cost.jsonl"
    resources:
        **cluster("other"),
    params:
        scale=CONFIG.scale,
    shell:
        "rlvf cost --logs {input.logs} --scale {params.scale} --out {output} 2> {log}"
