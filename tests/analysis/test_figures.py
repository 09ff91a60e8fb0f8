from typing import get_args

import matplotlib.pyplot as plt
import pytest

from rlvf.analysis.figures import evaluation, training, write_figures
from rlvf.analysis.figures.style import Look
from rlvf.analysis.summary import main_cells
from rlvf.records import Verdict

# As `rlvf.studies.rlvr` names them.
FIGURES = (
    *("learning_curves", "length", "entropy", "pass_at_1"),
    *("tradeoff", "errors", "severity", "rules"),
)


@pytest.fixture(scope="module")
def look(cells):
    return Look(cells, colour="reward", line="algorithm")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def cells_of(results_of):
    return lambda samples: main_cells(results_of(samples).summary)


def test_writes_every_figure_alike_each_time(study, steps, tmp_path, results_of):
    write_figures(results_of(study, steps=steps), tmp_path / "a")
    write_figures(results_of(study[::-1], steps=steps[::-1]), tmp_path / "b")
    names = {f"{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "png")}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert not plt.get_fignums()


@pytest.mark.filterwarnings("error::UserWarning")
def test_controls_alone_without_logs_are_enough(make_sample, tmp_path, results_of):
    write_figures(results_of([make_sample(1, "reference")], "paper"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * len(FIGURES)
    # An empty figure is 1 in high, at 200 dots per inch.
    assert plt.imread(tmp_path / "length.png").shape[0] == 200


def test_mini_figures_have_a_footnote(make_sample, tmp_path, results_of):
    write_figures(results_of([make_sample(1, "reference")]), tmp_path)
    assert plt.imread(tmp_path / "length.png").shape[0] > 200


def test_no_curve_leaves_its_panel(steps, look):
    longer = [
        step.model_copy(update={"model": "other", "entropy": 2 * step.entropy}) for step in steps
    ]
    figure = training.entropy(training.per_generation([*steps, *longer]), look)
    top = max(max(line.get_ydata()) for ax in figure.axes for line in ax.lines)
    assert top == 1.0
    assert all(ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > top for ax in figure.axes)


@pytest.mark.parametrize(("generations", "label"), [(20, "Generation"), (60, "mean of 3")])
def test_long_runs_are_smoothed_and_say_so(steps, generations, label, look):
    # Up and down from one generation to the next: a mean of three shrinks that.
    log = training.per_generation(
        [
            steps[0].model_copy(
                update={"step": i, "generation": i, "completion_length": 10.0 + i % 2}
            )
            for i in range(generations)
        ]
    )
    ax = training.length(log, look).axes[0]
    assert label in ax.get_xlabel()
    inner = ax.lines[0].get_ydata()[1:-1]
    assert max(inner) - min(inner) == pytest.approx(1 if generations == 20 else 1 / 3)


def test_a_reward_and_an_algorithm_differ_without_colour(look):
    looks = [
        look.policy(f"{algorithm}-{reward}") for reward in look.colours for algorithm in look.lines
    ]
    assert len({(one["marker"], one["fillstyle"]) for one in looks}) == len(looks)


def test_stacked_parts_differ_without_colour(make_sample, cells_of, cells):
    verdicts = [(verdict, None) for verdict in get_args(Verdict) if verdict != "runtime_error"]
    verdicts += [
        ("runtime_error", name) for name in ("KeyError", "NameError", "OSError", "TypeError")
    ]
    samples = [
        make_sample(i, verdict=verdict, error_type=name)
        for i, (verdict, name) in enumerate(verdicts)
    ]
    for draw, count in ((evaluation.errors, 12), (evaluation.severity, 3)):
        parts = {
            (patch.get_hatch(), round(_lightness(patch.get_facecolor()), 1))
            for patch in draw(cells_of(samples), cells).legends[0].get_patches()
        }
        assert len(parts) == count


def _lightness(colour):
    red, green, blue, _ = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


@pytest.mark.parametrize(("of_base", "of_trained", "filling"), [(2, 0, "full"), (0, 2, "none")])
def test_a_rules_dot_says_whether_findings_became_fewer(
    make_sample, of_base, of_trained, filling, cells_of, cells
):
    samples = [
        make_sample(1, rules={"F401": of_base}),
        make_sample(1, "grpo-tests", rules={"F401": of_trained}),
    ]
    (dot,) = evaluation.rules(cells_of(samples), cells).axes[0].lines
    assert dot.get_fillstyle() == filling


def test_rules_without_a_base_have_no_change(make_sample, cells_of, cells):
    samples = [make_sample(1, "grpo-tests", rules={"F401": 1})]
    assert not evaluation.rules(cells_of(samples), cells).axes


def test_error_bars_are_intervals(make_sample, look, cells_of):
    samples = [make_sample(task, "grpo-tests", passed=task < 3) for task in range(4)]
    found = cells_of(samples)
    ax = evaluation.pass_at_1(found, look).axes[0]
    (drawn,) = (bar for bar in ax.containers if getattr(bar, "has_yerr", False))
    ends = drawn[2][0].get_segments()[0][:, 1]
    assert list(ends) == pytest.approx(list(found[["pass@1_low", "pass@1_high"]].iloc[0]))
