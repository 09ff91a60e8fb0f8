# These rules make tasks from benchmarks. They are local because fetching needs a network and the
# rest takes little time.
localrules:
    fetch_benchmark,
    study_tasks,


rule fetch_benchmark:
    output:
        PATHS.FETCHED_DATASET,
    log:
        f"{PATHS.LOGS}/datasets/{{repo}}/{{revision}}.log",
    benchmark:
        f"{PATHS.USAGE}/datasets/{{repo}}/{{revision}}.jsonl"
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
        PATHS.TASKS,
    log:
        f"{PATHS.LOGS}/{{study}}/tasks-{{tasks}}.log",
    benchmark:
        f"{PATHS.USAGE}/{{study}}/tasks-{{tasks}}.jsonl"
    params:
        stamps=tasks_stamps,
        options=tasks_options,
        source=lambda w, input: f"--source {folder_of(input.source)}" if input.source else "",
    shell:
        "rlvf tasks {params.options} {params.source} --out {output} 2> {log}"
