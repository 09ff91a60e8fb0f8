# The definition and the locked versions -> the image that jobs run in, where the run asks for it.
localrules:
    build_image,


rule build_image:
    input:
        definition="containers/rlvf.def",
        lock="requirements.lock",
    output:
        IMAGE,
    log:
        f"{LOGS}/build_image.log",
    benchmark:
        f"{BENCHMARKS}/build_image.tsv"
    container:
        None
    shell:
        "trap 'rm -f {output}.part' EXIT;"
        ' apptainer build --force --build-arg pip_options="${{PIP_OPTIONS:-}}"'
        " {output}.part {input.definition} > {log} 2>&1"
        " && mv {output}.part {output}"


# Whatever runs in the image waits for it, and runs again with other versions of libraries; an image
# that is merely newer changes no result. Said here once, so that no rule can lack it.
for contained in workflow.rules:
    if contained.container_img and contained.shellcmd:
        # Snakemake leaves it open where a rule has no inputs of its own.
        contained.input_modifier = contained.output_modifier
        contained.set_input(image=ancient(IMAGE), lock="requirements.lock")
