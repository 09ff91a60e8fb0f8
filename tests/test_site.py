"""What a cluster's site file may say, asked of the executor that submits the jobs."""

import re
import shlex
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_executor_plugin_slurm.validation import (
    get_forbidden_slurm_options,
    validate_slurm_extra,
)

from rlvf.errors import RlvfError
from rlvf.runs.site import ResourceSettings, Site
from rlvf.settings import parse_settings, validate
from tests.conftest import REPOSITORY

EXAMPLE = REPOSITORY / "workflow" / "site.example.yaml"
# A line of the example that sets a key once its # is taken away.
SETTING = re.compile(r"^# (?=[a-z_]+: \S)", re.M)
CPU = ResourceSettings(gpus=0, cpus=2, mem_mb=1000, runtime=60)
GPU = ResourceSettings(gpus=1, cpus=2, mem_mb=1000, runtime=60)


class Resources(dict):
    __getattr__ = dict.__getitem__


def submitted(site: Site, stage: ResourceSettings) -> list[str]:
    """The words with which the executor calls sbatch for a stage's first attempt."""
    asked = {
        name: value(None, 1) if callable(value) else value
        for name, value in site.ask(stage, saves=True).items()
    }
    job = SimpleNamespace(resources=Resources(asked), threads=stage.cpus)
    validate_slurm_extra(job)
    partition = f"-p {shlex.quote(asked['slurm_partition'])}" if "slurm_partition" in asked else ""
    account = f"-A {shlex.quote(asked['slurm_account'])}" if "slurm_account" in asked else ""
    params = {"run_uuid": "id", "slurm_logfile": "log", "comment_str": "rule_x", "workdir": None}
    params |= {"account": account, "partition": partition}
    return shlex.split(get_submit_command(job, params) + set_gres_string(job))


def site(**keys) -> Site:
    return validate(Site, keys, "site.yaml")


def example(*numbers: int) -> str:
    """The example with the settings of these numbers made to count."""
    parts = SETTING.split(EXAMPLE.read_text(encoding="utf-8"))
    return "".join(
        ("" if number in numbers else "# ") * (number > 0) + part
        for number, part in enumerate(parts)
    )


SETTINGS = range(1, len(SETTING.findall(EXAMPLE.read_text(encoding="utf-8"))) + 1)


def parsed(text: str, folder) -> Site:
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    return parse_settings(str(folder / "site.yaml"), Site)


def test_the_example_as_it_stands_asks_for_nothing(tmp_path):
    assert parsed(example(), tmp_path) == Site()


@pytest.mark.parametrize("number", SETTINGS)
def test_each_setting_of_the_example_can_be_submitted(number, tmp_path):
    found = parsed(example(number), tmp_path)
    assert len(found.model_dump(exclude_defaults=True)) == 1
    for stage in (CPU, GPU):
        assert submitted(found, stage)[0] == "sbatch"


def test_the_example_has_every_key_and_all_of_it_can_be_submitted(tmp_path):
    found = parsed(example(*SETTINGS), tmp_path)
    assert found.model_dump(exclude_defaults=True).keys() == Site.model_fields.keys()
    cpu, gpu = submitted(found, CPU), submitted(found, GPU)
    for words, key in ((cpu, "{}"), (gpu, "gpu_{}")):
        qos, constraint, partition = (
            getattr(found, key.format(name)) for name in ("qos", "constraint", "partition")
        )
        assert f"--qos={qos}" in words
        assert words[words.index("-C") + 1] == constraint
        assert words[words.index("-p") + 1] == partition
        assert words[words.index("-A") + 1] == found.account
    assert f"--gres={found.gpu}:1" in gpu and f"--gres={found.gpu}:1" not in cpu


def test_what_is_said_for_all_jobs_counts_for_those_with_a_gpu_too():
    found = site(qos="long", constraint="fast", sbatch="--exclude=n1", gpu_constraint="a100")
    cpu, gpu = submitted(found, CPU), submitted(found, GPU)
    assert "--qos=long" in cpu and "--qos=long" in gpu
    assert "--exclude=n1" in cpu and "--exclude=n1" in gpu
    assert "fast" in cpu and "a100" in gpu and "fast" not in gpu


@pytest.mark.parametrize(
    "options",
    [
        "--mail-type=FAIL,END --mail-user=me@example.org",
        "--exclude=node[1-3],node9",
        "--licenses='matlab:2,other lab:1'",
        "--time-min=10 --requeue --nice=100",
        "--reservation=spring --exclusive",
        "-q long",
        r"--prefer='a|b&c;d $HOME `id` \"x\"'",
    ],
)
def test_options_arrive_at_sbatch_as_they_are_written(options):
    words = submitted(site(sbatch=options), CPU)
    given = shlex.split(options)
    at = words.index(given[0])
    assert words[at : at + len(given)] == given


def long_options():
    return [re.match("--[a-z-]+", pattern)[0] for pattern in get_forbidden_slurm_options()]


@pytest.mark.parametrize("key", ["sbatch", "gpu_sbatch"])
@pytest.mark.parametrize("option", long_options())
def test_what_the_executor_refuses_is_refused_when_the_file_is_read(key, option):
    with pytest.raises(RlvfError, match=f"^site.yaml: {key}: '{option}' in ") as error:
        site(**{key: f"--nice=1 {option}=1"})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("--account=lab", "state it as account"),
        ("-A lab", "state it as account"),
        ("--partition gpu", "state it as partition or gpu_partition"),
        ("--qos=long", "state it as qos or gpu_qos"),
        ("-C a100", "state it as constraint or gpu_constraint"),
        ("--constraint='a100 & ib'", "state it as constraint or gpu_constraint"),
        ("--gres=gpu:1", "state the name as gpu"),
        ("--gpus=1", "state the name as gpu, the number in resources of config.yaml"),
        ("--mem=1G", "state it in resources of config.yaml"),
        ("-c 4", "state it in resources of config.yaml"),
        ("--time=60", "state it in resources of config.yaml"),
        ("--comment=mine", "leave it out"),
    ],
)
def test_a_refused_option_comes_with_where_it_is_stated(option, instead):
    with pytest.raises(RlvfError, match=f": {instead}$"):
        site(sbatch=option)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sbatch": "long"}, "sbatch: 'long' is not an option of sbatch"),
        ({"sbatch": "--licenses='a"}, "sbatch: .* is not quoted as in a shell: No closing quot"),
        ({"gpu": "gpu:2"}, "gpu: 'gpu:2' has a number; state it in resources of config.yaml"),
        ({"gpu": "gpu:a100:2"}, "gpu: 'gpu:a100:2' has a number"),
        ({"gpu": "gpu:a100-sxm4"}, "gpu: 'gpu:a100-sxm4' is refused by Snakemake's executor: "),
        ({"account": 1234}, "account: Input should be a valid string .given: 1234"),
        ({"gpu_jobs": 0}, "gpu_jobs: .*greater than 0"),
    ],
)
def test_a_wrong_value_is_named(keys, message):
    with pytest.raises(RlvfError, match=f"^site.yaml: {message}"):
        site(**keys)
