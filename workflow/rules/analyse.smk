# These rules make tables, claims and figures from samples, on the machine where the workflow was
# started, and the page on which people read completions, with all that is known about each.
localrules:
    study_tables,
    study_claims,
    study_figures,
    study_cost,


rule study_tables:
    input:
        samples=lambda w: samples_of(w.study),
    output:
        folder=report(
            directory(TABLES),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Tables",
        ),
        note=note_of(TABLES),
    log:
        f"{LOGS}/{{study}}/tables.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/tables.jsonl"
    params:
        stamps=stamps("tables"),
        settings=lambda w: tables_settings(w.study),
    shell:
        "rlvf tables --samples {input.samples} --settings {params.settings:q}"
        " --out {output.folder} 2> {log}"


rule study_claims:
    input:
        claims="paper/claims.yaml",
        samples=lambda w: samples_of(w.study),
    output:
        folder=report(
            directory(CLAIMS),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Claims",
        ),
        note=note_of(CLAIMS),
    log:
        f"{LOGS}/{{study}}/claims.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/claims.jsonl"
    params:
        stamps=stamps("claims"),
        # This is a function because Snakemake's lint takes the scale "paper" for the folder of
        # the claims.
        scale=lambda w: CONFIG.scale,
    shell:
        "rlvf claims --claims {input.claims} --samples {input.samples} --scale {params.scale}"
        " --out {output.folder} 2> {log}"


rule study_figures:
    input:
        samples=lambda w: samples_of(w.study),
        logs=lambda w: training_logs_of(w.study),
    output:
        folder=report(
            directory(FIGURES),
            patterns=["{name}.png"],
            caption="../report/figures.rst",
            labels={"study": "{study}", "figure": "{name}"},
            category="Figures",
        ),
        note=note_of(FIGURES),
    log:
        f"{LOGS}/{{study}}/figures.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/figures.jsonl"
    params:
        stamps=stamps("figures"),
        scale=CONFIG.scale,
    shell:
        "rlvf figures --samples {input.samples} --logs {input.logs} --scale {params.scale}"
        " --out {output.folder} 2> {log}"


# Times differ between equal runs. They are therefore in files of their own, which only this rule
# reads, and its tables are kept apart from the others.
rule study_cost:
    input:
        logs=lambda w: training_logs_of(w.study),
        times=lambda w: training_times_of(w.study),
    output:
        folder=report(
            directory(COST),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Tables",
        ),
        note=note_of(COST),
    log:
        f"{LOGS}/{{study}}/cost.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/cost.jsonl"
    params:
        stamps=stamps("cost"),
        scale=CONFIG.scale,
    shell:
        "rlvf cost --logs {input.logs} --times {input.times} --scale {params.scale}"
        " --out {output.folder} 2> {log}"


rule study_explorer:
    input:
        tasks=f"{TASKS}/test.jsonl",
        decoded=lambda w: [file for _, *files, _ in evaluations_of(w.study) for file in files],
        samples=lambda w: samples_of(w.study),
    output:
        report(
            EXPLORER,
            caption="../report/explorer.rst",
            labels={"study": "{study}"},
            category="Completions",
        ),
    log:
        f"{LOGS}/{{study}}/explorer.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/explorer.jsonl"
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=stamps("explorer"),
        scale=CONFIG.scale,
        # The function takes `input`, which Snakemake compares by itself, so that Snakemake does not
        # compare this parameter as well.
        decodings=lambda w, input: " ".join(
            f"--decoding {' '.join(one)}" for one in evaluations_of(w.study)
        ),
    shell:
        "rlvf explorer --tasks {input.tasks} {params.decodings} --scale {params.scale}"
        " --out {output} 2> {log}"
