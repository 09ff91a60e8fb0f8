"""The captions of Snakemake's report."""

from types import SimpleNamespace

import jinja2
import pytest

from tests.conftest import REPOSITORY


def caption(file, name):
    """As Snakemake makes it, of the file of that name."""
    text = (REPOSITORY / "workflow" / "report" / file).read_text(encoding="utf-8")
    wildcards = SimpleNamespace(name=name)
    return jinja2.Template(text).render(snakemake=SimpleNamespace(wildcards=wildcards)).strip()


@pytest.mark.parametrize(
    ("file", "folder", "ending"),
    [
        ("tables.rst", "tables", "html"),
        ("tables.rst", "claims", "html"),
        ("tables.rst", "cost", "html"),
        ("figures.rst", "figures", "png"),
    ],
)
def test_all_that_a_study_shows_has_a_caption(made, file, folder, ending):
    names = [path.stem for path in (made.folder / "results/mini/rlvr" / folder).glob(f"*.{ending}")]
    assert names and all(caption(file, name) for name in names)


@pytest.mark.parametrize("file", ["tables.rst", "figures.rst"])
def test_a_caption_that_is_missing_is_empty(file):
    assert caption(file, "new") == ""
