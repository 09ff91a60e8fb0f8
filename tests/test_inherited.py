"""Streams, signals, limits and environment that a command inherits do not change its products."""

import json
import os
import signal
import subprocess
import sys

import pytest

RLVF = [sys.executable, "-m", "rlvf.cli"]


def after(preparation, command, folder, **options):
    """Run a command from a shell that has prepared what it inherits."""
    return subprocess.run(
        ["bash", "-c", f'{preparation}\nexec "$@"', "bash", *map(str, command)],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
        **options,
    )


LINT = [*RLVF, "lint", "--completions", "completions.jsonl", "--out", "ruff.jsonl"]


def lint(folder, preparation):
    row = {"task_id": "é×", "sample_id": 0, "completion": "import os\nnäme = '×'"}
    (folder / "completions.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    done = after(preparation, LINT, folder)
    assert done.returncode == 0, done.stderr
    return (folder / "ruff.jsonl").read_bytes()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    report = lint(tmp_path_factory.mktemp("plain"), "")
    assert [one["code"] for one in json.loads(report)["diagnostics"]] == ["F401"]
    return report


@pytest.mark.parametrize(
    "preparation",
    [
        "trap '' INT TERM HUP PIPE CHLD USR1; ulimit -n 64 -c 0; umask 077",
        "exec <&-",
        "exec >&-",
        "exec 2>&-",
        "exec <&- >&- 2>&-",
        "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
        "export LC_ALL=de_DE.ISO-8859-1 TZ=Asia/Kolkata TERM=dumb NO_COLOR=1 FORCE_COLOR=1",
        "export PYTHONSAFEPATH=1 PYTHONOPTIMIZE=2 PYTHONWARNINGS=error PYTHONHASHSEED=7",
        "export TMPDIR=/nonexistent; unset HOME",
        "mkdir ignored; git init -q; echo ignored > .gitignore; export TMPDIR=$PWD/ignored",
        "export RUFF_CONFIG=/nonexistent RUFF_OUTPUT_FORMAT=sarif HOME=/nonexistent",
    ],
)
def test_lint_reports_the_same_whatever_it_inherits(preparation, report, tmp_path):
    assert lint(tmp_path, preparation) == report


def test_new_files_have_the_rights_that_the_umask_leaves(tmp_path):
    (tmp_path / "completions.jsonl").write_text("")
    for umask, rights in (("022", 0o644), ("027", 0o640), ("077", 0o600)):
        assert after(f"umask {umask}", LINT, tmp_path).returncode == 0
        assert (tmp_path / "ruff.jsonl").stat().st_mode & 0o777 == rights


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_does_not_end_a_command(encoding, tmp_path):
    program = "from rlvf.inherited import settle; settle(); print('3 × 4 – 5')"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = after("", [sys.executable, "-c", program], tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding) == "3 × 4 – 5\n".encode(encoding, "replace").decode(
        encoding
    )


def test_signals_that_were_blocked_arrive(tmp_path):
    program = (
        "import os, signal; from rlvf.inherited import settle; settle();"
        "os.kill(os.getpid(), signal.SIGTERM)"
    )
    blocked = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM});"
        "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    )
    done = subprocess.run([sys.executable, "-c", blocked, program], check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM


def test_an_ignored_interrupt_stays_ignored(tmp_path):
    program = (
        "import os, signal; from rlvf.inherited import settle; settle();"
        "os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    )
    done = after("trap '' INT", [sys.executable, "-c", program], tmp_path)
    assert done.stdout == b"goes on\n"


def test_the_tests_themselves_inherit_little():
    """What tests/conftest.py sees to."""
    ignored = {n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN}
    assert ignored <= {signal.SIGPIPE, signal.SIGXFSZ}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert not [name for name in os.environ if name.startswith(("SNAKEMAKE_", "GIT_", "SLURM_"))]
