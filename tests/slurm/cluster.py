"""A real Slurm on this machine: one node, fake GPUs, no accounting, up in a second.

Needs root and Debian's slurm-wlm. Nothing is left of it at the end but the packages.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.sandbox.processes import wait_until

# Where Slurm's clients look by themselves: Snakemake's job steps forget SLURM_CONF.
_ETC = Path("/etc/slurm")
_FILES = ("slurm.conf", "gres.conf")
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
_CPUS = 4
_GPUS = 2

_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# The second: how soon a requeued job may start again.
AuthInfo=socket={root}/munge.socket,cred_expire=10
CryptoType=crypto/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
# No systemd, no cgroups.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,defer_batch=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MinJobAge=3600
KillWait=5
OverTimeLimit=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
RebootProgram=/bin/true
Licenses=matlab:4
GresTypes=gpu
# More processors than there are, so that jobs run beside each other.
SlurmdParameters=config_overrides
NodeName=DEFAULT Features=fast,big
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=100000 Gres=gpu:fake:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES State=UP PriorityTier=1 GraceTime={grace}
PartitionName=urgent Nodes={host} State=UP PriorityTier=10 PreemptMode=OFF
"""


def missing() -> str | None:
    """What keeps a cluster from being started here."""
    if os.geteuid() != 0:
        return "Slurm is started by root only"
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
    if absent := [name for name in programs if not shutil.which(name, path=_PATH)]:
        return f"there is no {absent[0]}: apt-get install slurm-wlm"
    path = _ETC / "slurm.conf"
    return f"{path} belongs to another Slurm" if path.exists() and not path.is_symlink() else None


class Cluster:
    """The cluster while the context lasts. Preempted jobs have `grace` seconds to end."""

    def __init__(self, root: Path, grace: int = 20):
        self._root, self._grace = root, grace
        self._daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "Cluster":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        root, host = self._root, socket.gethostname().partition(".")[0]
        for name in ("state", "spool", "munge"):
            (root / name).mkdir(parents=True)
        (root / "munge").chmod(0o700)
        key = root / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        names = {"--key-file": "munge/key", "--socket": "munge.socket", "--pid-file": "munge/pid"}
        names |= {"--log-file": "munge/log", "--seed-file": "munge/seed"}
        options = [f"{option}={root / name}" for option, name in names.items()]
        self._daemon("munged", "--foreground", "--force", *options)
        wait_until((root / "munge.socket").exists)

        devices = [root / f"gpu{number}" for number in range(_GPUS)]
        for device in devices:  # must be devices, or nobody is told which one is theirs
            os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
        (root / "gres.conf").write_text(
            "AutoDetect=off\n"
            + "".join(f"NodeName={host} Name=gpu Type=fake File={device}\n" for device in devices)
        )
        (root / "slurm.conf").write_text(
            _CONFIGURATION.format(
                root=root, host=host, ports=_free_ports(), cpus=_CPUS, gpus=_GPUS, grace=self._grace
            )
        )
        _ETC.mkdir(exist_ok=True)
        for name in _FILES:
            (_ETC / name).unlink(missing_ok=True)
            (_ETC / name).symlink_to(root / name)
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", host)
        wait_until(lambda: self._ask("sinfo", "-h", "-o", "%T", "-p", "main") == "idle", seconds=30)

    def _daemon(self, *command: str) -> None:
        with open(self._root / f"{command[0]}.out", "w") as output:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PATH": _PATH},
                    start_new_session=True,
                )
            )

    def __exit__(self, *_: object) -> None:
        if len(self._daemons) == 3:
            self.cancel_all()
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for name in _FILES:
            if (_ETC / name).is_symlink():
                (_ETC / name).unlink()

    def _ask(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def submit(self, command: str, *options: str) -> str:
        """Submit a shell command. Returns the job's number."""
        done = subprocess.run(
            ["sbatch", "--parsable", "--output=/dev/null", *options, "--wrap", command],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def jobs(self) -> list[dict]:
        """All jobs, ended ones included, as `squeue --json` has them."""
        return json.loads(self._ask("squeue", "--states=all", "--json"))["jobs"]

    def running(self, rule: str) -> list[dict]:
        """The running jobs of a rule."""
        return [
            job
            for job in self.jobs()
            if job["job_state"] == "RUNNING" and job["comment"].startswith(f"rule_{rule}")
        ]

    def cancel_all(self) -> None:
        self._ask("scancel", "--user=root")
        deadline = time.monotonic() + 30
        while self._ask("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.2)


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
