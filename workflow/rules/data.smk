# These rules make tasks from benchmarks. They are local because fetching needs a network and the
# rest takes little time.
localrules:
    fetch_benchmark,
    study_tasks,


rule fetch_benchmark:
    output:
        FETCHED_DATASET,
    log:
        f"{LOGS}/datasets/{{repo}}/{{revision}}.log",
    benchmark:
        f"{BENCHMARKS}/datasets/{{repo}}/{{revision}}.jsonl"
    params:
        folder=lambda w, output: folder_of(output[0]),
        settings=lambda w: fetch_settings("mbpp", w),
    shell:
        "rlvf fetch --settings {params.settings:q} --out {params.folder} --note {output}"
        " 2> >(tee {log} >&2)"


rule study_tasks:
    input:
        source=source_of,
    output:
        f"{TASKS}/{{role}}.jsonl",
    log:
        f"{LOGS}/{{study}}/tasks-{{role}}.log",
    benchmark:
        f"{BENCHMARKS}/{{study}}/tasks-{{role}}.jsonl"
    wildcard_constraints:
        role="train|test",
    params:
        stamps=lambda w: tasks_stamps(w.study),
        options=lambda w: tasks_options(w.study, w.role),
        source=lambda w, input: f"--source {folder_of(input.source)}" if input.source else "",
    shell:
        "rlvf tasks {params.options} {params.source} --out {output} 2> {log}"
