# Tables, claims and figures -> the paper.
localrules:
    study_paper,


rule study_paper:
    input:
        source="paper/{study}.typ",
        tables=TABLES,
        figures=FIGURES,
        cost=COST,
        claims=CLAIMS,
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
        "rlvf paper --source {input.source} --tables {input.tables} --figures {input.figures}"
        " --cost {input.cost} --claims {input.claims} --out {output} 2> {log}"
