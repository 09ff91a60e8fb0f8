# This is the workflow's main file: it includes all others and has the rules that name targets.
# `snakemake --profile mini` runs the mini scale, `snakemake --profile slurm` the paper scale.
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/place.smk"
include: "workflow/rules/common.smk"


# The image is used only with --software-deployment-method apptainer.
container: IMAGE


report: "workflow/report/workflow.rst"


wildcard_constraints:
    study=one_of(CONFIG.studies),
    tasks=one_of(TASK_SETS),
    model=one_of([*CONFIG.models, NO_MODEL]),
    policy=one_of(POLICIES),
    seed=r"\d+",
    evaluation=one_of(EVALUATIONS),
    repo="[^/]+",
    revision="[0-9a-f]{40}",


localrules:
    all,
    tables,
    figures,
    paper,


# This rule names every product, so that a missing one is made even if what was made from it exists.
rule all:
    default_target: True
    input:
        [product for study in CONFIG.studies for product in products_of(study)],


rule tables:
    input:
        expand(PATHS.TABLES, study=CONFIG.studies),


rule figures:
    input:
        expand(PATHS.FIGURES, study=CONFIG.studies),


rule paper:
    input:
        expand(PATHS.PAPER, study=CONFIG.studies),


# `snakemake STUDY` makes all products of one study.
for study in CONFIG.studies:

    rule:
        name:
            study
        input:
            products_of(study),
        localrule: True


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/study.smk"


# This file is included after all rules, since it makes the image an input of each rule whose jobs
# run in it.
if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:

    include: "workflow/rules/containers.smk"


include: "workflow/rules/hooks.smk"
