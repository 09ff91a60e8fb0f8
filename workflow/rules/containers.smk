# The definition and the locked versions -> the image that jobs run in, where the run asks for it.
# They are no inputs, since the image's name holds their checksums.
localrules:
    build_image,


rule build_image:
    output:
        IMAGE,
    log:
        f"{LOGS}/build_image.log",
    benchmark:
        f"{BENCHMARKS}/build_image.jsonl"
    container:
        None
    params:
        definition=DEFINITION,
    shell:
        # What a build that was killed has left, too, of whatever image.
        "rm -f containers/*.sif.part; trap 'rm -f {output}.part' EXIT;"
        ' apptainer build --force --build-arg pip_options="${{PIP_OPTIONS:-}}"'
        " {output}.part {params.definition} > {log} 2>&1"
        " && mv {output}.part {output}"


# Whatever runs in the image waits for it; where it was built again, nothing else is made again. Said
# here once, so that no rule can lack it.
for contained in workflow.rules:
    if contained.container_img and contained.shellcmd:
        # Snakemake leaves it open where a rule has no inputs of its own.
        contained.input_modifier = contained.output_modifier
        contained.set_input(image=ancient(IMAGE))
