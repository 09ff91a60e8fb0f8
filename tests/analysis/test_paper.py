import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from pypdf import PdfReader

from rlvf.analysis.claims import write_claims
from rlvf.analysis.claims.vocabulary import Claims
from rlvf.analysis.cost import write_cost
from rlvf.analysis.figures import write_figures
from rlvf.analysis.numbers import NUMBERS
from rlvf.analysis.paper import compile_paper
from rlvf.analysis.tables import write_tables
from rlvf.errors import RlvfError
from rlvf.settings import parse_settings

PAPER = Path(__file__).parents[2] / "paper"
SOURCE, COMMON = PAPER / "rlvr", PAPER / "rlvf.typ"
CLAIMS = SOURCE / "claims.yaml"
FOLDERS = ("tables", "figures", "cost", "claims")


@pytest.fixture(scope="module")
def build(cells, results_of, tmp_path_factory):
    def build(samples, steps, times, scale="mini"):
        folder = tmp_path_factory.mktemp("results")
        found = results_of(samples, scale, steps=steps)
        write_tables(found, folder / "tables")
        write_cost(cells, steps, times, folder / "cost", scale)
        write_figures(found, folder / "figures")
        claims = parse_settings(str(CLAIMS), Claims)
        write_claims(claims, str(CLAIMS), found, "rlvf claims ...", folder / "claims")
        return folder

    return build


@pytest.fixture(scope="module")
def results(build, study, steps, times):
    return build(study, steps, times)


def compile_in(folder, source=SOURCE):
    out = folder / "paper.pdf"
    compile_paper(source, COMMON, {name: folder / name for name in FOLDERS}, out)
    return out


def words(pdf):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())


def test_equal_inputs_give_an_identical_paper(results):
    first = compile_in(results).read_bytes()
    assert first.startswith(b"%PDF")
    assert compile_in(results).read_bytes() == first


def test_the_paper_states_the_numbers_and_mini_on_every_page(results):
    text = words(compile_in(results))
    assert "base has pass@1 50.0 %" in text
    assert re.search(r"grpo-tests with 100\.0 % \([\d.]+ % to 100\.0 %\); \+50\.0 points \(", text)
    assert "this holds" in text
    pages = int(re.findall(r"\d+", text)[-1])
    assert text.count("mini scale: tiny models") > pages >= 2


@pytest.fixture
def changed(results, tmp_path):
    """Compile the paper from a copy of the results with changed numbers."""

    def compile_changed(change):
        shutil.copytree(results, tmp_path / "results")
        path = tmp_path / "results" / "tables" / NUMBERS
        numbers = json.loads(path.read_text(encoding="utf-8"))
        change(numbers)
        path.write_text(json.dumps(numbers), encoding="utf-8")
        return words(compile_in(tmp_path / "results"))

    return compile_changed


def test_a_broken_harness_is_named(changed):
    def miss(numbers):
        numbers["controls"]["reference"]["pass@1"] = 0.99

    assert "this does not hold" in changed(miss)


def test_no_number_of_results_is_typed_by_hand(changed):
    def lower(numbers):
        for cell in numbers["cells"]:
            if (cell["model"], cell["policy"]) == ("mini-qwen3", "grpo-tests"):
                cell |= {"pass@1": 0.1234, "pass@1_low": 0.1, "pass@1_high": 0.2}
                cell |= {"gain_points": -1.26, "gain_low": -2.0, "gain_high": 0.5}

    expected = "grpo-tests with 12.3 % (10.0 % to 20.0 %); −1.3 points (−2.0 to +0.5) over base"
    assert expected in changed(lower)


def test_a_partial_grid_at_paper_scale_compiles(build, make_sample):
    folder = build([make_sample(1)], [], [], scale="paper")
    text = words(compile_in(folder))
    assert "No trained policy was evaluated" in text
    assert "mini scale:" not in text


def test_a_typst_error_is_one_line_and_leaves_no_paper(results, tmp_path):
    source, out = tmp_path / "bad", tmp_path / "paper.pdf"
    source.mkdir()
    (source / "paper.typ").write_text("Fine.\n#nonsense()\n", encoding="utf-8")
    message = r"bad/paper\.typ: line 2: unknown variable: nonsense"
    with pytest.raises(RlvfError, match=message) as caught:
        compile_paper(source, COMMON, {name: results / name for name in FOLDERS}, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_missing_figure_is_named(results, tmp_path):
    (tmp_path / "none").mkdir()
    folders = {name: results / name for name in FOLDERS} | {"figures": tmp_path / "none"}
    with pytest.raises(RlvfError, match=r"file not found .*figures/\w+\.pdf"):
        compile_paper(SOURCE, COMMON, folders, tmp_path / "paper.pdf")


def test_a_missing_folder_is_named(results, tmp_path):
    folders = {name: results / name for name in FOLDERS} | {"cost": tmp_path / "none"}
    with pytest.raises(RlvfError, match=r"none: cannot read: No such file"):
        compile_paper(SOURCE, COMMON, folders, tmp_path / "paper.pdf")


def test_the_conclusion_is_what_the_claims_come_to(results):
    claims = json.loads((results / "claims" / "claims.json").read_text(encoding="utf-8"))["claims"]
    counts = Counter(claim["verdict"] for claim in claims)
    said = words(compile_in(results)).partition(f"Of {len(claims)} claims,")[2]
    for verdict in ("supported", "not supported", "undecided"):
        assert re.search(rf"\b{counts[verdict]} (is|are) {verdict}", said)
