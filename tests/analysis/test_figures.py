import matplotlib.pyplot as plt
import pytest

from rlvf.analysis.figures import FIGURES, write_figures
from rlvf.analysis.summary import samples_frame


def test_writes_every_figure_alike_each_time(study, steps, tmp_path):
    write_figures(samples_frame(study), steps, tmp_path / "a", "mini")
    write_figures(samples_frame(study[::-1]), steps[::-1], tmp_path / "b", "mini")
    names = {f"{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "png")}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert not plt.get_fignums()


@pytest.mark.filterwarnings("error::UserWarning")
def test_controls_alone_without_logs_are_enough(make_sample, tmp_path):
    write_figures(samples_frame([make_sample(1, "reference")]), [], tmp_path, "paper")
    assert len(list(tmp_path.iterdir())) == 2 * len(FIGURES)
    # An empty figure is 1 in high, at 200 dots per inch.
    assert plt.imread(tmp_path / "length.png").shape[0] == 200


def test_mini_figures_have_a_footnote(make_sample, tmp_path):
    write_figures(samples_frame([make_sample(1, "reference")]), [], tmp_path, "mini")
    assert plt.imread(tmp_path / "length.png").shape[0] > 200
