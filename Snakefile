# Front door: configuration, checks, includes, target rules.
# Mini scale: snakemake --profile mini. Paper scale: snakemake --profile slurm.
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/place.smk"
include: "workflow/rules/common.smk"


# Used with --software-deployment-method apptainer only.
container: IMAGE


report: "workflow/report/workflow.rst"


wildcard_constraints:
    study=one_of(CONFIG.studies),
    model=one_of([*CONFIG.models, NO_MODEL]),
    policy=one_of(POLICIES),
    seed=r"\d+",
    decoding=one_of(CONFIG.decodings),
    repo="[^/]+",
    revision="[0-9a-f]{40}",


localrules:
    all,
    tables,
    figures,
    paper,


# Everything, by name: what is missing is made, though what was made from it is still there.
rule all:
    default_target: True
    input:
        [product for study in CONFIG.studies for product in products_of(study)],


rule tables:
    input:
        expand(TABLES, study=CONFIG.studies),


rule figures:
    input:
        expand(FIGURES, study=CONFIG.studies),


rule paper:
    input:
        expand(PAPER, study=CONFIG.studies),


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/paper.smk"


# This file comes after all rules, since it changes each of them: their jobs run in the image.
if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:

    include: "workflow/rules/containers.smk"


include: "workflow/rules/hooks.smk"
