"""The page in a real browser, as a person uses it."""

import random
import re
import time

import pytest

from rlvf.analysis.explorer import Evaluated, write_explorer

TASK = "minimbpp/test/2"
BASE = "mini-qwen3/base/1/greedy/0"
TRAINED = "mini-qwen3/grpo-tests/1/greedy/0"
SIDE_BY_SIDE = f"#task={TASK}&show={BASE}&show={TRAINED}"


def rows(page):
    return page.locator("#list [role=option]").all_inner_texts()


def columns(page):
    return [
        one.get_attribute("aria-label").split(" · seed")[0] for one in page.locator(".column").all()
    ]


def active(page):
    return page.locator(".column.active h3").inner_text()


def task(page):
    return page.locator("#detail h2").inner_text()


def count(page):
    return page.locator("#count").inner_text()


def box(page, facet, value):
    return page.locator(f'input[name="{facet}"][value="{value}"]')


def code(column):
    return column.locator(".code .line").all_inner_texts()


def search(page, text):
    before = count(page)
    page.locator("#query").fill(text)
    page.wait_for_function(
        "before => document.querySelector('#count').innerText !== before", arg=before
    )


# ---------------------------------------------------------------- filters and search


def test_it_opens_on_all_completions_and_says_which_scale_it_is(explorer, open_page):
    page = open_page(explorer)
    assert count(page) == "56 completions, 4 tasks"
    assert "mini scale" in page.locator("#note").inner_text().lower()
    assert page.locator("#list .of").first.inner_text() == "minimbpp/test/1"
    assert columns(page) == ["control reference"]


@pytest.mark.parametrize(
    ("facet", "value", "expected"),
    [
        ("model", "mini-qwen3", 28),
        ("policy", "base", 20),
        ("seed", "2", 24),
        ("evaluation", "sampled", 4),
        ("verdict", "passed", 36),
        ("error", "SyntaxError", 4),
        ("rule", "F401", 16),
        ("rule", "none", 36),
    ],
)
def test_each_filter_leaves_what_has_its_value(explorer, open_page, facet, value, expected):
    page = open_page(explorer)
    label = page.locator("label").filter(has=box(page, facet, value))
    assert label.locator("small").inner_text() == str(expected)
    label.click()
    assert count(page).startswith(f"{expected} of 56 completions")


def test_values_of_a_filter_add_up_filters_narrow_and_are_cleared(explorer, open_page):
    page = open_page(explorer)
    box(page, "policy", "base").check()
    box(page, "policy", "gspo-ruff").check()
    assert count(page).startswith("36 of 56")
    box(page, "verdict", "passed").check()
    assert count(page).startswith("16 of 56")
    # What each further value would leave.
    model = page.locator("label").filter(has=box(page, "model", "mini-llama"))
    assert model.locator("small").inner_text() == "8"
    page.get_by_role("button", name="Clear filters").click()
    assert count(page) == "56 completions, 4 tasks"
    assert page.locator("input:checked").count() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minimbpp/test/3", 14),
        ("SMALLEST OF THE ABSOLUTE", 14),
        ("wrong_name", 16),
        ("of course", 16),
        ("is not defined", 16),
        ("import minimbpp/test/3", 4),
        ('"import os"', 16),
        ('"os import"', 0),
    ],
)
def test_search_finds_words_in_task_prompt_completion_and_message(
    explorer, open_page, text, expected
):
    page = open_page(explorer)
    search(page, text)
    assert count(page).startswith(f"{expected} of 56 completions")
    assert len(rows(page)) == expected


def test_what_was_searched_is_marked_also_across_colours(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={BASE}")
    search(page, '"import os"')
    marked = "[...CSS.highlights.get('found')].map(range => range.toString())"
    assert page.evaluate(marked)[0] == "import os"


# ---------------------------------------------------------------- one completion


def test_a_completion_is_shown_with_code_findings_tests_and_message(tasks, explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={BASE}")
    given = next(one for one in tasks if one.task_id == TASK)
    column = page.locator(".column")
    assert page.locator(".prompt").inner_text() == given.prompt
    assert code(column) == ["import os", *given.reference.splitlines()]
    assert column.locator(".line.error + .finding").inner_text() == "F401 `os` imported but unused"
    assert column.locator(".line").first.inner_text() == "import os"
    assert column.locator(".k", has_text="def").count() == 1
    assert column.locator(".f").inner_text() == given.entry_point
    assert column.locator(".tests pre").all_inner_texts() == [test.code for test in given.tests]
    assert column.locator(".tests [aria-label=passed]").count() == 3
    column.get_by_text("The completion as it was written").click()
    written = column.locator("details pre").inner_text()
    assert written.startswith("Of course:\n```python\nimport os\n")
    assert written.endswith("```\nThis is it.")


def test_a_failed_completion_says_why(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show=mini-qwen3/gspo-ruff/1/greedy/0")
    assert page.locator(".column .verdict").inner_text() == "runtime error (NameError)"
    assert "is not defined" in page.locator(".message").inner_text()
    assert page.locator(".tests [aria-label='runtime error']").count() == 3


# ---------------------------------------------------------------- side by side


def test_base_and_all_policies_stand_side_by_side(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={TRAINED}")
    page.get_by_role("button", name="Base beside").click()
    assert columns(page) == ["mini-qwen3 base", "mini-qwen3 grpo-tests"]
    left, right = page.locator(".column").all()
    assert code(left) == ["import os", *code(right)]
    assert left.bounding_box()["y"] == right.bounding_box()["y"]
    page.get_by_role("button", name="All policies").click()
    assert columns(page) == ["mini-qwen3 base", "mini-qwen3 grpo-tests", "mini-qwen3 gspo-ruff"]


def test_any_completions_of_a_task_are_put_together_and_taken_away(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={BASE}")
    page.get_by_role(
        "button", name="mini-llama gspo-ruff · seed 2 · greedy 0: runtime error"
    ).click()
    page.get_by_role("button", name="control reference · seed 0 · greedy 0: passed").click()
    assert columns(page) == ["control reference", "mini-llama gspo-ruff", "mini-qwen3 base"]
    assert page.locator(".overview [aria-pressed=true]").count() == 3
    page.get_by_role("button", name="Close mini-llama").click()
    assert columns(page) == ["control reference", "mini-qwen3 base"]


def test_columns_stay_from_task_to_task_and_the_list_moves_the_active_one(explorer, open_page):
    page = open_page(explorer, SIDE_BY_SIDE)
    page.get_by_role("button", name="Next task").click()
    assert (task(page), len(columns(page))) == ("minimbpp/test/3", 2)
    page.locator(".column").nth(1).click()
    box(page, "policy", "gspo-ruff").check()
    page.locator("#list [role=option]").first.click()
    assert task(page) == "minimbpp/test/1"
    assert columns(page) == ["mini-llama gspo-ruff", "mini-qwen3 base"]


# ---------------------------------------------------------------- links


def state(page):
    return {
        "count": count(page),
        "query": page.locator("#query").input_value(),
        "checked": [
            (one.get_attribute("name"), one.get_attribute("value"))
            for one in page.locator("input:checked").all()
        ],
        "task": task(page),
        "columns": [one.get_attribute("aria-label") for one in page.locator(".column").all()],
        "active": active(page),
        "codes": page.locator(".code").all_inner_texts(),
        "rows": rows(page),
        "selected": page.locator("[aria-selected=true]").all_inner_texts(),
        "address": page.url,
    }


def test_a_link_restores_the_view_exactly_where_nobody_was_before(explorer, open_page):
    page = open_page(explorer)
    box(page, "model", "mini-qwen3").check()
    box(page, "rule", "none").check()
    box(page, "verdict", "passed").check()
    search(page, 'test/3 "in nums"')
    page.locator("#list [role=option]").nth(1).click()
    page.keyboard.press("c")
    page.locator(".column").nth(2).click()
    before = state(page)
    assert len(before["columns"]) == 3 and before["active"].startswith("mini-qwen3 gspo-ruff")

    other = open_page(explorer, "#" + page.url.partition("#")[2])
    assert state(other) == before


def test_a_link_pasted_into_an_open_page_is_followed(explorer, open_page):
    page = open_page(explorer, "#verdict=passed&q=values")
    page.evaluate("link => { location.hash = link }", SIDE_BY_SIDE)
    page.wait_for_function("() => document.querySelectorAll('.column').length === 2")
    assert (task(page), count(page)) == (TASK, "56 completions, 4 tasks")
    assert page.locator("#query").input_value() == ""


def test_what_a_link_names_wrongly_is_left_out(explorer, open_page):
    page = open_page(explorer, "#model=no-such&task=gone&show=a/b/1/c/0&q=%22&verdict=passed")
    assert count(page).startswith("36 of 56")
    assert columns(page) == ["control reference"]


# ---------------------------------------------------------------- keyboard


def focus(page):
    return page.evaluate("document.activeElement.id || document.activeElement.name")


def test_a_study_is_read_with_the_keyboard_alone(explorer, open_page):
    page = open_page(explorer)
    press = page.keyboard.press
    press("/")
    assert focus(page) == "query"
    page.keyboard.type("jbx")  # letters, not shortcuts
    page.wait_for_function("() => document.querySelector('#count').innerText.startsWith('0 of')")
    press("Escape")
    assert focus(page) == "list"
    press("r")
    assert count(page) == "56 completions, 4 tasks"
    press("f")
    assert focus(page) == "model"
    press("Tab")
    press("Tab")
    press("Space")  # mini-qwen3
    assert count(page).startswith("28 of 56")
    press("l")
    press("Home")
    assert active(page).startswith("mini-qwen3 base")
    press("ArrowDown")
    press("j")
    press("k")
    press("j")
    assert page.locator("[aria-selected=true]").get_attribute("aria-posinset") == "3"
    assert page.locator("#list").get_attribute("aria-activedescendant") == page.locator(
        "[aria-selected=true]"
    ).get_attribute("id")
    press("n")
    assert task(page) == TASK
    press("c")
    assert len(columns(page)) == 3
    press("]")
    assert page.locator(".column.active").count() == 1
    press("x")
    assert len(columns(page)) == 2
    press("Escape")
    assert len(columns(page)) == 1
    press("End")
    assert task(page) == "minimbpp/test/4"
    press("p")
    assert task(page) == "minimbpp/test/3"
    press("?")
    assert page.locator("dialog").is_visible()
    press("j")
    press("Enter")  # its button
    assert not page.locator("dialog").is_visible()
    assert task(page) == "minimbpp/test/3"


def test_base_comes_and_goes_with_a_key(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={TRAINED}")
    page.keyboard.press("b")
    assert columns(page) == ["mini-qwen3 base", "mini-qwen3 grpo-tests"]
    page.keyboard.press("b")
    assert columns(page) == ["mini-qwen3 grpo-tests"]


def test_tab_leads_through_the_page_in_its_order_and_is_seen(explorer, open_page):
    page = open_page(explorer)
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " const place = e.closest('#filters, #list, #detail');"
            " return [place ? place.id : e.id, s.outlineStyle, s.outlineWidth] })()"
        )
        if at[0] in ("", "skip") and stops:
            break
        assert at[1:] == ["solid", "2px"], at
        if not stops or stops[-1] != at[0]:
            stops.append(at[0])
    assert stops == ["skip", "query", "theme", "help-open", "filters", "list", "detail"]


def test_squares_are_one_stop_and_arrow_keys_lead_between_them(explorer, open_page):
    page = open_page(explorer, f"#task={TASK}&show={BASE}")
    page.locator(".overview button[tabindex='0']").focus()
    name = "document.activeElement.ariaLabel"
    assert page.evaluate(name).startswith("mini-qwen3 base · seed 1 · greedy")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(name).startswith("mini-qwen3 base · seed 1 · sampled")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(name).startswith("mini-qwen3 base · seed 2 · greedy")
    page.keyboard.press("Enter")
    assert len(columns(page)) == 2
    assert page.evaluate(name).startswith("mini-qwen3 base · seed 2 · greedy")


# ---------------------------------------------------------------- looks


def luminance(page):
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_theme_is_the_systems_until_it_is_chosen(explorer, open_page, scheme, dark):
    page = open_page(explorer, color_scheme=scheme)
    assert (luminance(page) < 128) == dark
    page.keyboard.press("t")
    assert page.locator("#theme").inner_text() == "Theme: light" and luminance(page) > 128
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: dark" and luminance(page) < 128
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert luminance(page) < 128


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_it_fits_narrow_windows(explorer, open_page, width):
    page = open_page(explorer, SIDE_BY_SIDE, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#query", "#list", "#detail", "#note"):
        assert page.locator(place).is_visible()
    if not page.locator("#filters").is_visible():
        page.get_by_role("button", name="Filters", exact=True).click()
    box(page, "verdict", "passed").check()
    assert count(page).startswith("36 of 56")


# ---------------------------------------------------------------- untrusted text

HOSTILE = (
    "</script><script>alert(1)</script>\n<!--<script>\n]]>\n"
    "<img src=x onerror=alert(2)><svg/onload=alert(3)>\n"
    "<a href=javascript:alert(4)>&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %} ${alert(5)}\n"
    "<meta http-equiv=refresh content='0;url=https://example.com'><style>*{display:none}</style>\n"
    "\x00\x1b[31m\x08\u202e\u2066\u200b\u2028\ufeffend __proto__ constructor\n"
)
HOSTILE_CODE = f"""class __proto__(Exception):
    pass
text = {HOSTILE!r}
print(text)
def NAME(nums): raise __proto__(text)
"""


@pytest.fixture(scope="module")
def hostile(cells, tasks, evaluate, tmp_path_factory):
    """Hostile as a completion without code, as code, as message, output, error type and task."""
    texts = [f"```python\n{HOSTILE}```", HOSTILE]
    texts += [HOSTILE_CODE.replace("NAME", task.entry_point) for task in tasks[2:]]
    tasks = [task.model_copy(update={"prompt": HOSTILE}) for task in tasks]
    tasks[1] = tasks[1].model_copy(update={"task_id": "<img src=x>/\u202e"})
    path = tmp_path_factory.mktemp("hostile") / "explorer.html"
    write_explorer(cells, [evaluate(tasks, texts, "base")], "mini", path)
    return path


def shown(text):
    """How the page shows what cannot be seen."""
    return re.sub(
        "[\x00\x1b\x08\u202e\u2066\u200b\u2028\ufeff]", lambda one: f"U+{ord(one[0]):04X}", text
    )


def test_hostile_text_is_shown_as_it_is_and_does_nothing(hostile, open_page):
    page = open_page(hostile)
    elements = "[...document.querySelectorAll('script, img, svg, iframe, a, meta, style')].length"
    at_first = page.evaluate(elements)
    for place in range(4):
        page.keyboard.press("Home" if place == 0 else "j")
        page.locator("#detail summary").last.click()
        text = page.locator("#detail").evaluate("e => e.textContent")
        assert shown(HOSTILE.strip("\n").split("\n")[0]) in text
        assert shown("\x00\x1b[31m\x08\u202e\u2066\u200b\u2028\ufeffend") in text
        assert page.evaluate(elements) == at_first
        assert page.locator("#query").is_visible()
    assert page.locator(".column .verdict").inner_text() == "runtime error (__proto__)"
    box(page, "error", "__proto__").check()
    assert count(page).startswith("2 of 4")


def test_a_hostile_search_and_link_do_nothing(hostile, open_page):
    page = open_page(hostile, "#q=%3Cimg%20src=x%20onerror=alert(2)%3E&task=%3Cscript%3E")
    assert page.locator("img").count() == 0
    assert count(page) == "4 completions, 4 tasks"
    search(page, "\\ ( [ * + ? { | ^ $ . /")
    assert page.locator("#count").is_visible()


def test_the_browser_would_run_and_fetch_nothing_else(explorer, open_page):
    page, failures = open_page(explorer), []
    page.on("requestfailed", lambda asked: failures.append(asked.failure))
    ran = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "globalThis.ran = true";
            document.body.append(script);
            const box = document.createElement("div");
            box.innerHTML = "<img src='https://example.com/x.png' onerror='globalThis.ran = true'>";
            document.body.append(box);
            const fetched = await fetch("https://example.com").then(() => true, () => false);
            return [globalThis.ran ?? false, fetched];
        }"""
    )
    assert ran == [False, False]
    assert set(failures) == {"csp"}
    open_page.wrong.clear()


# ---------------------------------------------------------------- speed


@pytest.fixture(scope="module")
def large(cells, tasks, study, tmp_path_factory):
    """A page of 20,000 completions, half of them different, and how long it took to write."""
    random_numbers = random.Random(1)
    many = [
        task.model_copy(update={"task_id": f"large/{number}"})
        for number, task in enumerate(tasks * 100)
    ]

    def grown(records, sample_id):
        return [
            record.model_copy(update={"task_id": task.task_id, "sample_id": sample_id})
            for task, record in zip(many, records * 100, strict=True)
        ]

    def vary(completion):
        if completion.sample_id % 2:
            return completion
        lines = "".join(
            f"    total_{random_numbers.randrange(100)} = max(nums) + {i}  # as long as most\n"
            for i in range(8)
        )
        code = completion.code + lines
        return completion.model_copy(update={"code": code, "completion": f"```python\n{code}```"})

    chosen = [one for one in study if one.samples[0].seed == 1][:5]
    evaluated = [
        Evaluated(
            many,
            [vary(one) for one in grown(cell.completions, number)],
            grown(cell.executions, number),
            grown(cell.reports, number),
            grown(cell.samples, number),
        )
        for cell in chosen
        for number in range(10)
    ]
    path = tmp_path_factory.mktemp("large") / "explorer.html"
    start = time.monotonic()
    write_explorer(cells, evaluated, "mini", path)
    return path, time.monotonic() - start


def test_twenty_thousand_completions_are_at_hand(large, open_page, record_property):
    """Times are reported, not judged: `pytest -s`, or the properties of a JUnit report."""
    path, writing = large
    start = time.monotonic()
    page = open_page(path)
    took = {"write (s)": writing, "size (MB)": path.stat().st_size / 1e6}
    took["open (ms)"] = 1e3 * (time.monotonic() - start)
    assert count(page) == "20,000 completions, 400 tasks"

    def timed(action):
        """Milliseconds until the list is drawn."""
        return page.evaluate(
            """async (action) => {
                const start = performance.now(), list = document.querySelector("#list");
                const drawn = new Promise((resolve) =>
                    new MutationObserver(resolve).observe(list, { childList: true }));
                new Function("$", action)((one) => document.querySelector(one));
                await drawn;
                list.getBoundingClientRect();
                return performance.now() - start;
            }""",
            action,
        )

    typed = "$('#query').value = {!r}; $('#query').dispatchEvent(new Event('input'))".format
    took["filter (ms)"] = timed("$('input[name=verdict]').click()")
    took["first search, with 80 ms of waiting (ms)"] = timed(typed("nums total_7"))
    took["search, with 80 ms of waiting (ms)"] = timed(typed("nums total_70"))
    assert 0 < int(count(page).split(" of ")[0].replace(",", "")) < 20_000
    took["scroll to the end (ms)"] = timed("$('#list').scrollTop = 1e9")
    took["next completion (ms)"] = timed("dispatchEvent(new KeyboardEvent('keydown', {key: 'j'}))")
    assert page.locator("#list [role=option]").count() < 60
    for name, value in took.items():
        record_property(name, round(value, 1))
        print(f"20,000 completions: {name}: {value:.1f}")
