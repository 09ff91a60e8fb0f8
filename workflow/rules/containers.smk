# This rule builds the image that jobs run in, from its definition and the locked versions, if the
# run asks for it. These two files are not inputs, since the image's name has their checksums.
localrules:
    build_image,


rule build_image:
    output:
        IMAGE,
    log:
        f"{PATHS.LOGS}/build_image.log",
    benchmark:
        f"{PATHS.USAGE}/build_image.jsonl"
    container:
        None
    params:
        definition=DEFINITION,
    shell:
        # The first command also removes what killed builds of any image have left.
        "rm -f containers/*.sif.part; trap 'rm -f {output}.part' EXIT;"
        ' apptainer build --force --build-arg pip_options="${{PIP_OPTIONS:-}}"'
        " {output}.part {params.definition} > {log} 2>&1"
        " && mv {output}.part {output}"


# Every rule whose jobs run in the image waits for it. The image is `ancient`, so that nothing else
# is made again if it was built again. This is done here for all rules, so that none can lack it.
for contained in workflow.rules:
    if contained.container_img and contained.shellcmd:
        # Snakemake does not set this modifier if a rule has no inputs of its own.
        contained.input_modifier = contained.output_modifier
        contained.set_input(image=ancient(IMAGE))
