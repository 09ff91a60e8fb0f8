"""The captions of Snakemake's report."""

from types import SimpleNamespace

import jinja2
import pytest

from rlvf.analysis.figures import FIGURES
from rlvf.analysis.tables import TABLES
from tests.conftest import REPOSITORY


def caption(file, name):
    """As Snakemake makes it, of the file of that name."""
    text = (REPOSITORY / "workflow" / "report" / file).read_text(encoding="utf-8")
    wildcards = SimpleNamespace(name=name)
    return jinja2.Template(text).render(snakemake=SimpleNamespace(wildcards=wildcards)).strip()


@pytest.mark.parametrize("name", [*TABLES, "claims", "evidence", "cost"])
def test_every_table_has_a_caption(name):
    assert caption("tables.rst", name)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_caption(name):
    assert caption("figures.rst", name)


@pytest.mark.parametrize("file", ["tables.rst", "figures.rst"])
def test_a_caption_that_is_missing_is_empty(file):
    assert caption(file, "new") == ""
