"""The tables as LaTeX, set by a real TeX as they stand."""

import re
import shutil
import subprocess
from itertools import product

import pytest

from rlvf.analysis.claims import write_claims
from rlvf.analysis.claims.vocabulary import Claims
from rlvf.analysis.cost import write_cost
from rlvf.analysis.results import Results
from rlvf.analysis.summary import samples_frame
from rlvf.analysis.tables import write_tables
from rlvf.settings import parse_settings
from tests.conftest import REPOSITORY, skip_or_fail

# Log odds of passing, tokens, findings: of numbers as wide as they become.
POLICIES = {"base": (-9, 100, 1.0)} | {
    f"{algorithm}-{reward}": (9, 400, 0.1)
    for algorithm, reward in product(("grpo", "gspo"), ("tests", "ruff", "combined"))
}
# What is not ours: an exception's name is made up by a completion.
ODD = r"“50 %” of {Ошибка_1} & ~#$^\ <é> ≥ 2 × 3 ± 1 − 0 – … → | 🙂"
DOCUMENT = r"""
\documentclass{article}
\usepackage{array, booktabs, graphicx, longtable}
\begin{document}
%s
\end{document}
"""


@pytest.fixture(params=["paper", "mini"])
def folder(request, make_study, make_sample, steps, times, tmp_path):
    """Every table of a whole study at one scale."""
    scale = request.param
    config = request.getfixturevalue(f"{scale}_config")
    grid = config.studies["rlvr"]
    samples = [
        sample.model_copy(update={"evaluation": evaluation})
        for sample in make_study(POLICIES, models=grid.models, tasks=9)
        for evaluation in grid.evaluations
    ]
    samples += [make_sample(f"{i:03}", "reference") for i in range(9)]
    for sample, error in zip(samples, [ODD, "UnboundLocalError"] * 30, strict=False):
        sample.verdict, sample.error_type, sample.rules = "runtime_error", error, {"UP006": 2}
    cells = grid.model_copy(update={"seeds": [1, 2, 3, 4]}).described("rlvr")
    settings = config.hyperparameters("rlvr")
    settings["studies"]["odd"] = ODD
    results = Results(cells, samples_frame(samples, cells), scale, hyperparameters=settings)
    write_tables(results, tmp_path)
    claims = parse_settings(str(REPOSITORY / "paper" / "rlvr" / "claims.yaml"), Claims)
    odd = claims.claims[0].model_copy(update={"title": ODD})
    claims = claims.model_copy(update={"claims": [odd, *claims.claims[1:]]})
    write_claims(claims, "claims.yaml", results, "rlvf claims ...", tmp_path)

    def of_all_runs(records):
        return [
            one.model_copy(update={"model": model, "policy": policy, "seed": seed})
            for model, policy, seed in product(grid.models, list(POLICIES)[1:], (1, 2, 3, 4))
            for one in records
            if one.seed == 0
        ]

    write_cost(cells, of_all_runs(steps), of_all_runs(times), tmp_path, scale)
    return tmp_path


def typeset(folder):
    """What pdfLaTeX says of a document that takes in every table of a folder."""
    if not shutil.which("pdflatex"):
        skip_or_fail(
            "the LaTeX tables were not set, there is no pdflatex: apt-get install "
            "texlive-latex-recommended texlive-fonts-recommended, then pytest tests/analysis"
        )
    names = sorted(path.name for path in folder.glob("*.tex"))
    text = DOCUMENT % "\n".join(f"\\input{{{name}}}\n\\clearpage" for name in names)
    (folder / "all.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_table_fits_on_the_page_of_a_plain_document(folder):
    said = typeset(folder)
    points = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", said)
    assert max(map(float, points), default=0) < 3, said
