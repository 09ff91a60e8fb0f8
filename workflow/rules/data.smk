# Benchmarks -> tasks. Local, since a published benchmark is downloaded here.
localrules:
    study_tasks,


rule study_tasks:
    output:
        f"{TASKS}/{{role}}.jsonl",
    log:
        f"{LOGS}/{{study}}/tasks-{{role}}.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/tasks-{{role}}.jsonl"
    wildcard_constraints:
        role="train|test",
    params:
        options=lambda w: tasks_options(w.study, w.role),
    shell:
        "rlvf tasks {params.options} --out {output} 2> {log}"
