# These rules read the results of a study: they say what its cells are, make tables, claims and
# figures of their samples, the page on which people read completions, and the paper. All but the
# page are made on the machine where the workflow was started.
localrules:
    study_cells,
    study_tables,
    study_claims,
    study_figures,
    study_cost,
    study_paper,


rule study_cells:
    output:
        PATHS.CELLS,
    log:
        f"{PATHS.LOGS}/{{study}}/cells.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/cells.jsonl"
    params:
        stamps=stamps("cells"),
        settings=cells_settings,
    shell:
        "rlvf cells --settings {params.settings:q} --out {output} 2> {log}"


rule study_tables:
    input:
        cells=PATHS.CELLS,
        samples=lambda w: of_evaluations(w.study, PATHS.SAMPLES),
    output:
        folder=report(
            directory(PATHS.TABLES),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Tables",
        ),
        note=note_of(PATHS.TABLES),
    log:
        f"{PATHS.LOGS}/{{study}}/tables.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/tables.jsonl"
    params:
        stamps=lambda w: study_stamps("tables", w, ("Settings", "tables", "numbers")),
        settings=lambda w: to_json(CONFIG.tables_settings(w.study)),
    shell:
        "rlvf tables --cells {input.cells} --samples {input.samples}"
        " --settings {params.settings:q} --out {output.folder} 2> {log}"


rule study_claims:
    input:
        claims="paper/{study}/claims.yaml",
        cells=PATHS.CELLS,
        samples=lambda w: of_evaluations(w.study, PATHS.SAMPLES),
    output:
        folder=report(
            directory(PATHS.CLAIMS),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Claims",
        ),
        note=note_of(PATHS.CLAIMS),
    log:
        f"{PATHS.LOGS}/{{study}}/claims.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/claims.jsonl"
    params:
        stamps=lambda w: study_stamps("claims", w),
        # This is a function because Snakemake's lint takes the scale "paper" for the folder of
        # the claims.
        scale=lambda w: CONFIG.scale,
    shell:
        "rlvf claims --claims {input.claims} --cells {input.cells} --samples {input.samples}"
        " --scale {params.scale} --out {output.folder} 2> {log}"


rule study_figures:
    input:
        cells=PATHS.CELLS,
        samples=lambda w: of_evaluations(w.study, PATHS.SAMPLES),
        logs=lambda w: of_trainings(w.study, PATHS.TRAINING_LOG),
    output:
        folder=report(
            directory(PATHS.FIGURES),
            patterns=["{name}.png"],
            caption="../report/figures.rst",
            labels={"study": "{study}", "figure": "{name}"},
            category="Figures",
        ),
        note=note_of(PATHS.FIGURES),
    log:
        f"{PATHS.LOGS}/{{study}}/figures.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/figures.jsonl"
    params:
        stamps=lambda w: study_stamps("figures", w, ("Settings", "figures")),
        settings=lambda w: to_json(CONFIG.figures_settings(w.study)),
    shell:
        "rlvf figures --cells {input.cells} --samples {input.samples} --logs {input.logs}"
        " --settings {params.settings:q} --out {output.folder} 2> {log}"


# Times differ between equal runs. They are therefore in files of their own, which only this rule
# reads, and its tables are kept apart from the others.
rule study_cost:
    input:
        cells=PATHS.CELLS,
        logs=lambda w: of_trainings(w.study, PATHS.TRAINING_LOG),
        times=lambda w: of_trainings(w.study, PATHS.TRAINING_TIMES),
    output:
        folder=report(
            directory(PATHS.COST),
            patterns=["{name}.html"],
            caption="../report/tables.rst",
            labels={"study": "{study}", "table": "{name}"},
            category="Tables",
        ),
        note=note_of(PATHS.COST),
    log:
        f"{PATHS.LOGS}/{{study}}/cost.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/cost.jsonl"
    params:
        stamps=stamps("cost"),
        scale=CONFIG.scale,
    shell:
        "rlvf cost --cells {input.cells} --logs {input.logs} --times {input.times}"
        " --scale {params.scale} --out {output.folder} 2> {log}"


rule study_explorer:
    input:
        cells=PATHS.CELLS,
        # These are the arguments of all --evaluation, which the shell command groups.
        evaluations=lambda w: of_evaluations(w.study, *EXPLORED),
    output:
        report(
            PATHS.EXPLORER,
            caption="../report/explorer.rst",
            labels={"study": "{study}"},
            category="Completions",
        ),
    log:
        f"{PATHS.LOGS}/{{study}}/explorer.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/explorer.jsonl"
    resources:
        **SITE.ask(CONFIG.resources.other),
    params:
        stamps=stamps("explorer"),
        scale=CONFIG.scale,
        # The function takes `input`, which Snakemake compares by itself, so that Snakemake does not
        # compare this parameter as well.
        evaluations=lambda w, input: evaluation_options(input.evaluations),
    shell:
        "rlvf explorer --cells {input.cells} {params.evaluations} --scale {params.scale}"
        " --out {output} 2> {log}"


rule study_paper:
    input:
        source=lambda w: paper_sources(w.study),
        common="paper/rlvf.typ",
        tables=noted(PATHS.TABLES),
        figures=noted(PATHS.FIGURES),
        cost=noted(PATHS.COST),
        claims=noted(PATHS.CLAIMS),
    output:
        report(
            PATHS.PAPER,
            caption="../report/paper.rst",
            labels={"study": "{study}"},
            category="Paper",
        ),
    log:
        f"{PATHS.LOGS}/{{study}}/paper.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/paper.jsonl"
    params:
        stamps=stamps("paper"),
    shell:
        "rlvf paper --source paper/{wildcards.study} --common {input.common}"
        " --tables {input.tables[0]} --figures {input.figures[0]}"
        " --cost {input.cost[0]} --claims {input.claims[0]} --out {output} 2> {log}"
