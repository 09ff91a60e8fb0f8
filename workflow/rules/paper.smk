# This rule compiles the paper from tables, figures, costs and claims.
localrules:
    study_paper,


rule study_paper:
    input:
        source="paper/{study}.typ",
        tables=noted(TABLES),
        figures=noted(FIGURES),
        cost=noted(COST),
        claims=noted(CLAIMS),
    output:
        report(
            PAPER,
            caption="../report/paper.rst",
            labels={"study": "{study}"},
            category="Paper",
        ),
    log:
        f"{LOGS}/{{study}}/paper.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/paper.jsonl"
    params:
        stamps=stamps("paper"),
    shell:
        "rlvf paper --source {input.source} --tables {input.tables[0]} --figures {input.figures[0]}"
        " --cost {input.cost[0]} --claims {input.claims[0]} --out {output} 2> {log}"
