"use strict";

// This script shows the data that are stored in the page (see data.py). The part of the address
// after its "#" stores the view: filters, search, task and columns. Text of models is only ever put
// into text nodes.

const view = {
  query: "",
  chosen: {}, // for each facet, the set of the chosen values' numbers; an empty set means all
  task: 0,
  shown: [], // the slots that are shown side by side, in their order
  active: -1, // the slot among them that changes when the list is used
};
const GLYPHS = {
  passed: "✓", wrong_answer: "✗", syntax_error: "S", runtime_error: "R", timeout: "T",
  out_of_memory: "M", crashed: "C", blocked: "B", no_code: "–", infrastructure_error: "?",
};
const NONE = "none";
const ROW_HEIGHT = 48; // must be equal to the height in page.css
const VALUES_SHOWN = 8;
const SEARCH_DELAY = 80; // milliseconds after the last key
const THEMES = ["auto", "light", "dark"];

const $ = (id) => document.getElementById(id);
const words = (name) => name.replaceAll("_", " ");
const number = new Intl.NumberFormat("en").format;
const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

let tasks, tables, columns, marks, facets;
let size = 0; // the number of records
let severalSeeds = false;
let recordAt; // the record at task * (number of slots) + slot
let rows = []; // the records that filters and search leave, in order
let taskRows = []; // the tasks of these records, each once
let haystacks = null;
let overviewOpen = innerWidth > 700;

start();

async function start() {
  showTheme(stored("theme"));
  let data;
  try {
    data = await unpack($("data").textContent);
  } catch (error) {
    $("count").textContent = `The page's data cannot be unpacked (${error.message}); ` +
      "is the file complete, and the browser of 2024 or later?";
    return;
  }
  $("data").remove();
  ({ tasks, tables, marks } = data);
  columns = Object.fromEntries(
    Object.entries(data.columns).map(([name, column]) => [name, Int32Array.from(column)]));
  size = columns.task.length;
  const distinct = (parts) => new Set(tables.slot.map((slot) => slot.slice(0, parts).join("/"))).size;
  severalSeeds = distinct(3) > distinct(2);
  recordAt = new Map();
  for (let record = 0; record < size; record++)
    recordAt.set(columns.task[record] * tables.slot.length + columns.slot[record], record);
  facets = makeFacets();
  buildFilters();
  listen();
  readAddress();
  document.body.dataset.ready = "";
}

async function unpack(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// ---------------------------------------------------------------- elements

// Makes an element with properties and children; strings become text nodes.
function el(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

// Returns the nodes that show a model's text. Characters that cannot be seen, or that would turn
// other text around, are shown by their numbers.
function visible(text) {
  const parts = text.split(/((?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}])/u);
  return parts.map((part, i) => {
    if (i % 2 === 0) return part;
    const code = `U+${part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    return el("span", { className: "control", title: "a character that cannot be seen" }, code);
  });
}

const glyph = (verdict) => el("b", { ariaHidden: "true" }, GLYPHS[verdict] ?? "·");

const mark = (verdict, name = words(verdict)) =>
  el("span", { className: `mark ${verdict}`, title: name, role: "img", ariaLabel: name }, glyph(verdict));

// Seeds are named only if a policy has several.
const seedName = (seed) => severalSeeds ? ` · seed ${seed}` : "";

function slotName(slot) {
  const [model, policy, seed, evaluation, sample] = tables.slot[slot];
  return `${model} ${policy}${seedName(seed)} · ${evaluation} ${sample}`;
}

// ---------------------------------------------------------------- filters and search

function makeFacets() {
  const verdictAndError = (at) => tables.outcome.map((outcome) => [outcome[at] ?? NONE]);
  const ofSlot = (at) => tables.slot.map((slot) => [String(slot[at])]);
  const rules = tables.findings.map((found) => [...new Set(found.map(([rule]) => rule))]);
  return [
    facet("model", "Model", "slot", ofSlot(0)),
    facet("policy", "Policy", "slot", ofSlot(1)),
    facet("seed", "Seed", "slot", ofSlot(2)),
    facet("evaluation", "Evaluation", "slot", ofSlot(3)),
    facet("verdict", "Verdict", "outcome", verdictAndError(0), true),
    facet("error", "Error type", "outcome", verdictAndError(1), true),
    facet("hack", "Reward hack", "hacks", tables.hacks.map((hacks) => hacks.length ? hacks : [NONE]), true),
    facet("rule", "Ruff rule", "findings", rules.map((found) => found.length ? found : [NONE]), true),
  ];
}

// Makes a facet. `texts` has the values of each entry of the column's table. Values are listed in
// the order in which they occur or, by count, with the commonest first.
function facet(name, label, column, texts, byCount = false) {
  const totals = new Map();
  for (const list of texts) for (const text of list) totals.set(text, 0);
  for (const entry of columns[column])
    for (const text of texts[entry]) totals.set(text, totals.get(text) + 1);
  const values = [...totals.keys()];
  if (byCount) values.sort((a, b) => totals.get(b) - totals.get(a));
  const numbers = new Map(values.map((value, i) => [value, i]));
  view.chosen[name] = new Set();
  return {
    name, label, values, column: columns[column],
    members: texts.map((list) => list.map((text) => numbers.get(text))),
  };
}

// Sets `rows`, and counts each facet's values among the records that the search and all other
// facets leave.
function filter() {
  const found = search(view.query);
  const passes = facets.map(({ name, members }) => {
    const chosen = view.chosen[name];
    return Uint8Array.from(members, (list) => !chosen.size || list.some((value) => chosen.has(value)));
  });
  for (const one of facets) one.counts = new Int32Array(one.values.length);
  rows = [];
  for (let record = 0; record < size; record++) {
    if (found && !found(record)) continue;
    let failed = null, failures = 0;
    for (let i = 0; i < facets.length; i++)
      if (!passes[i][facets[i].column[record]]) { failed = facets[i]; failures++; }
    if (!failures) rows.push(record);
    if (failures < 2)
      for (const one of failures ? [failed] : facets)
        for (const value of one.members[one.column[record]]) one.counts[value]++;
  }
  taskRows = [...new Set(rows.map((record) => columns.task[record]))];
}

const terms = (query) =>
  (query.toLowerCase().match(/"[^"]+"?|[^\s"]+/g) ?? []).map((term) => term.replaceAll('"', ""));

// Returns a function that says whether a record has all terms, each in its task, completion or
// message, or null if there are no terms. A text that many records share is searched only once.
function search(query) {
  const wanted = terms(query);
  if (!wanted.length) return null;
  const lower = (list) => list.map((text) => text.toLowerCase());
  haystacks ??= [
    [columns.task, lower(tasks.map((task) => `${task.id}\n${task.prompt}`))],
    [columns.code, lower(tables.code.map((code) => code ?? ""))],
    [columns.frame, lower(tables.frame.map((frame) => frame.join("\n")))],
    [columns.outcome, lower(tables.outcome.map(([, error, message]) => `${error ?? ""}: ${message}`))],
  ];
  const hits = wanted.map((term) => haystacks.map(([column, texts]) =>
    [column, Uint8Array.from(texts, (text) => text.includes(term))]));
  return (record) => hits.every((places) => places.some(([column, hit]) => hit[column[record]]));
}

function buildFilters() {
  $("filters").replaceChildren(
    el("button", { type: "button", id: "clear", ariaKeyShortcuts: "r", onclick: clearFilters }, "Clear filters"),
    ...facets.filter((one) => one.values.length > 1).map(buildFacet));
}

function buildFacet(one) {
  one.boxes = one.values.map((value, i) => {
    const input = el("input", { type: "checkbox", name: one.name, value });
    input.onchange = () => {
      view.chosen[one.name][input.checked ? "add" : "delete"](i);
      update();
    };
    const count = el("small");
    return { input, count, label: el("label", { title: value }, input, el("span", {}, visible(words(value))), count) };
  });
  const labels = one.boxes.map((box) => box.label);
  const field = el("fieldset", { data: { facet: one.name } }, el("legend", {}, one.label), labels);
  const hidden = labels.slice(VALUES_SHOWN);
  if (hidden.length > 1) {
    const more = el("button", { type: "button", className: "more" }, `${hidden.length} more`);
    more.onclick = () => { one.open = true; showFilters(); one.boxes[VALUES_SHOWN].input.focus(); };
    one.more = more;
    field.append(more);
  }
  return field;
}

function showFilters() {
  for (const one of facets) {
    one.boxes?.forEach((box, i) => {
      box.input.checked = view.chosen[one.name].has(i);
      box.count.textContent = number(one.counts[i]);
      box.label.classList.toggle("empty", !one.counts[i]);
      box.label.hidden = one.more && !one.open && i >= VALUES_SHOWN && !box.input.checked;
    });
    if (one.more) one.more.hidden = Boolean(one.open);
  }
  const chosen = facets.reduce((sum, one) => sum + view.chosen[one.name].size, 0);
  $("clear").disabled = !chosen && !view.query;
  $("filters-toggle").textContent = chosen ? `Filters (${chosen})` : "Filters";
}

function clearFilters() {
  for (const one of facets) view.chosen[one.name].clear();
  view.query = $("query").value = "";
  update();
}

// Shows the page anew after the filters or the search have changed.
function update() {
  filter();
  showFilters();
  const all = rows.length === size ? "" : ` of ${number(size)}`;
  $("count").textContent = `${number(rows.length)}${all} completions, ${plural(taskRows.length, "task")}`;
  drawList();
  highlightFound();
  writeAddress();
}

// ---------------------------------------------------------------- list

const currentRecord = () => recordAt.get(view.task * tables.slot.length + view.active) ?? -1;

// Returns the place of a record in the list, or the place where it would be.
function placeOf(record) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < record) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Draws only the rows that can be seen, since there may be very many.
function drawList() {
  const list = $("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 5);
  const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + 5);
  const current = currentRecord();
  const space = el("div", { className: "space" });
  space.style.height = `${rows.length * ROW_HEIGHT}px`;
  const drawn = [space];
  let selected = "";
  for (let at = first; at < last; at++) {
    const row = drawRow(rows[at], at);
    if (rows[at] === current) {
      row.ariaSelected = "true";
      selected = row.id;
    }
    drawn.push(row);
  }
  if (!rows.length)
    drawn.push(el("p", { className: "nothing" }, "No completion fits. Press r to clear filters and search."));
  list.replaceChildren(...drawn);
  list.setAttribute("aria-activedescendant", selected);
}

function drawRow(record, at) {
  const [verdict, error] = tables.outcome[columns.outcome[record]];
  const findings = tables.findings[columns.findings[record]].length;
  const row = el("div", {
    className: "row", id: `row-${record}`, role: "option", ariaSelected: "false",
    ariaSetSize: rows.length, ariaPosInSet: at + 1, data: { record },
  },
  mark(verdict),
  el("span", { className: "of" }, visible(tasks[columns.task[record]].id)),
  el("span", { className: "right" }, error ? visible(error) : words(verdict),
    findings ? ` · ${plural(findings, "finding")}` : ""),
  el("span", { className: "cell" }, slotName(columns.slot[record])));
  row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
  return row;
}

function scrollToCurrent() {
  const list = $("list");
  const top = placeOf(currentRecord() >= 0 ? currentRecord() : firstOfTask()) * ROW_HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight)
    list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
}

const firstOfTask = () => Math.max(0, columns.task.indexOf(view.task));

// ---------------------------------------------------------------- what is shown

// Shows a completion in place of the active column, or beside the others. If a column already has
// the completion's slot, that column becomes the active one.
function show(record, beside = false) {
  const slot = columns.slot[record];
  if (!view.shown.includes(slot)) {
    const others = view.shown.filter((one) => one !== view.active || beside);
    view.shown = [...others, slot].sort((a, b) => a - b);
  }
  view.task = columns.task[record];
  view.active = slot;
  showView();
}

function showSlots(slots, active) {
  view.shown = [...new Set(slots)].sort((a, b) => a - b);
  view.active = view.shown.includes(active) ? active : view.shown[0];
  showView();
}

function closeColumn(slot) {
  if (view.shown.length < 2) return;
  const at = view.shown.indexOf(slot);
  const left = view.shown.filter((one) => one !== slot);
  showSlots(left, slot === view.active ? left[Math.min(at, left.length - 1)] : view.active);
}

// Shows the page anew after the task or the columns have changed.
function showView() {
  scrollToCurrent();
  drawList();
  drawDetail();
  writeAddress();
}

function move(step) {
  const current = currentRecord();
  const at = placeOf(current);
  const here = rows[at] === current;
  moveTo(here ? at + step : step > 0 ? at + step - 1 : at + step);
}

function moveTo(place) {
  if (rows.length) show(rows[Math.max(0, Math.min(rows.length - 1, place))]);
}

function moveTask(step) {
  const next = step > 0
    ? taskRows.find((task) => task > view.task)
    : taskRows.findLast((task) => task < view.task);
  if (next === undefined) return;
  view.task = next;
  showView();
  $("detail").scrollTop = 0;
}

// Returns slots of the same model, evaluation and number as `slot`, one for each policy. They have
// the same seed or, if a policy lacks it, the first seed that it has.
function policiesBeside(slot) {
  const [model, , seed, evaluation, sample] = tables.slot[slot];
  const found = new Map();
  tables.slot.forEach(([m, policy, s, d, n], other) => {
    if (m === model && d === evaluation && n === sample && (!found.has(policy) || s === seed))
      found.set(policy, other);
  });
  return found;
}

function toggleBase() {
  const base = policiesBeside(view.active).get("base");
  if (base === undefined || base === view.active) return;
  if (view.shown.includes(base)) closeColumn(base);
  else showSlots([...view.shown, base], view.active);
}

const showPolicies = () => showSlots(policiesBeside(view.active).values(), view.active);

// ---------------------------------------------------------------- detail

function drawDetail() {
  const task = tasks[view.task];
  const base = policiesBeside(view.active).get("base");
  const button = (text, key, onclick, disabled = false) =>
    el("button", { type: "button", ariaKeyShortcuts: key, title: `key: ${key}`, onclick, disabled }, text);
  const focused = document.activeElement.dataset.keep;
  $("detail").replaceChildren(
    el("div", { className: "task" },
      el("h2", {}, visible(task.id)),
      button("Base beside", "b", toggleBase, base === undefined || base === view.active),
      button("All policies", "c", showPolicies),
      button("Previous task", "p", () => moveTask(-1)),
      button("Next task", "n", () => moveTask(1))),
    el("p", { className: "prompt" }, visible(task.prompt)),
    drawOverview(),
    el("details", {}, el("summary", {}, "Reference solution"),
      task.setup ? el("pre", {}, visible(task.setup)) : null,
      drawCode(task.reference, [])),
    el("div", { className: "columns" }, view.shown.map(drawColumn)));
  // The focus stays at the same square or the same button of a column.
  if (focused) document.querySelector(`[data-keep="${focused}"]`)?.focus({ preventScroll: true });
  activate(view.active);
  highlightFound();
}

// Draws the task's completions as squares, in a table for each model with a row for each policy and
// seed.
function drawOverview() {
  const byModel = new Map();
  let total = 0, passed = 0;
  tables.slot.forEach(([model, policy, seed, evaluation], slot) => {
    const record = recordAt.get(view.task * tables.slot.length + slot);
    if (record === undefined) return;
    const [verdict] = tables.outcome[columns.outcome[record]];
    total++;
    passed += verdict === "passed";
    if (!byModel.has(model)) byModel.set(model, new Map());
    const lines = byModel.get(model), name = policy + seedName(seed);
    if (!lines.has(name)) lines.set(name, new Map());
    const cells = lines.get(name);
    if (!cells.has(evaluation)) cells.set(evaluation, []);
    const label = `${slotName(slot)}: ${words(verdict)}`;
    cells.get(evaluation).push(el("button", {
      type: "button", className: `mark ${verdict}`, title: label, ariaLabel: label,
      tabIndex: slot === view.active ? 0 : -1, // arrow keys lead to the others
      ariaPressed: String(view.shown.includes(slot)), data: { keep: `slot-${slot}` },
      onclick: () => view.shown.includes(slot) ? closeColumn(slot) : show(record, true),
    }, glyph(verdict)));
  });
  const drawn = [...byModel].map(([model, lines]) => {
    const evaluations = [...new Set([...lines.values()].flatMap((cells) => [...cells.keys()]))];
    const head = el("tr", {}, el("td"), evaluations.map((name) => el("th", { scope: "col" }, name)));
    return el("table", {}, el("caption", {}, model), el("thead", {}, head),
      el("tbody", {}, [...lines].map(([name, cells]) => el("tr", {}, el("th", { scope: "row" }, name),
        evaluations.map((one) => el("td", {}, el("div", { className: "squares" }, cells.get(one) ?? [])))))));
  });
  const details = el("details", { className: "overview", open: overviewOpen },
    el("summary", {}, `${plural(total, "completion")} of this task, ${number(passed)} passed`),
    el("div", { className: "tables", onkeydown: moveBetweenSquares }, drawn));
  details.ontoggle = () => { overviewOpen = details.open; };
  const buttons = details.querySelectorAll("button");
  if (buttons.length && ![...buttons].some((one) => one.tabIndex === 0)) buttons[0].tabIndex = 0;
  return details;
}

function moveBetweenSquares(event) {
  const squares = [...event.currentTarget.querySelectorAll("button")];
  const here = event.target, at = squares.indexOf(here);
  let next;
  if (event.key === "ArrowRight") next = squares[at + 1];
  else if (event.key === "ArrowLeft") next = squares[at - 1];
  else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const { left, top } = here.getBoundingClientRect();
    const ways = squares.map((one) => {
      const box = one.getBoundingClientRect();
      const down = event.key === "ArrowDown" ? box.top - top : top - box.top;
      return down > 4 ? down * 4 + Math.abs(box.left - left) : Infinity;
    });
    const best = Math.min(...ways);
    if (best < Infinity) next = squares[ways.indexOf(best)];
  } else return;
  event.preventDefault();
  event.stopPropagation();
  if (!next) return;
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function drawColumn(slot) {
  const [model, policy, seed, evaluation, sample] = tables.slot[slot];
  const record = recordAt.get(view.task * tables.slot.length + slot);
  const column = el("article", {
    className: "column", ariaLabel: slotName(slot), data: { slot },
    onclick: () => activate(slot), onfocusin: () => activate(slot),
  });
  const head = el("header", {}, el("h3", {}, `${model} ${policy} `,
    el("span", { className: "muted" }, `${evaluation} ${sample}${seedName(seed)}`)));
  if (view.shown.length > 1)
    head.append(el("button", {
      type: "button", className: "close", ariaLabel: `Close ${slotName(slot)}`, title: "close (key: x)",
      data: { keep: `close-${slot}` },
      onclick: (event) => { event.stopPropagation(); closeColumn(slot); },
    }, "×"));
  column.append(head);
  if (record === undefined) {
    column.append(el("div", { className: "missing" }, "There is no such completion of this task."));
    return column;
  }
  const [verdict, error, message, output] = tables.outcome[columns.outcome[record]];
  const [tokens, finish] = tables.length[columns.length[record]];
  const results = tables.results[columns.results[record]];
  const findings = tables.findings[columns.findings[record]];
  const code = tables.code[columns.code[record]];
  const frame = tables.frame[columns.frame[record]];
  const hacks = tables.hacks[columns.hacks[record]];
  const passed = results.filter(([one]) => one === "passed").length;
  const facts = [
    `${passed}/${tasks[view.task].tests.length} tests`,
    findings.length ? plural(findings.length, "Ruff finding") : "no Ruff findings",
    tokens === null ? null : plural(tokens, "token"),
    finish === "length" ? "cut at the limit" : null,
  ].filter((fact) => fact !== null);
  head.append(el("p", {}, mark(verdict), " ",
    el("span", { className: `verdict ${verdict}` }, words(verdict), error ? visible(` (${error})`) : "")),
  el("p", { className: "muted" }, facts.join(" · ")));
  if (hacks.length) head.append(el("p", {}, hacks.map((hack) => el("span", { className: "hack" }, visible(words(hack))))));
  column.append(
    code === null
      ? el("div", { className: "missing" }, "No code was found in this completion.")
      : el("div", { className: "code" }, drawCode(columns.code[record], findings)));
  const more = el("div", {});
  if (message) more.append(el("h4", {}, "Message"), el("pre", { className: "message" }, visible(message)));
  more.append(el("h4", {}, "Tests"), drawTests(tasks[view.task].tests, results));
  if (output) more.append(el("h4", {}, "Standard output"), el("pre", {}, visible(output)));
  more.append(el("details", {}, el("summary", {}, "The completion as it was written"),
    el("pre", {}, visible(frame.length > 1 ? frame.join(code) : frame[0]))));
  column.append(more);
  return column;
}

function drawTests(tests, results) {
  return el("ul", { className: "tests" }, tests.map((test, i) => {
    const [verdict, whole] = results[i] ?? ["missing", false];
    return el("li", {}, mark(verdict, i < results.length ? words(verdict) : "not run"),
      el("pre", {}, visible(test), whole ? el("span", { className: "muted" }, "  (run whole)") : ""));
  }));
}

// Draws the lines of code with colours, and the findings of a line below it.
function drawCode(entry, findings) {
  const lines = codeLines(tables.code[entry], marks[entry]);
  const block = el("pre", {});
  lines.forEach((parts, i) => {
    const here = findings.filter(([, , line]) => Math.min(Math.max(line, 1), lines.length) === i + 1);
    const worst = ["error", "warning", "info"].find((level) => here.some(([, one]) => one === level));
    block.append(el("span", { className: `line ${worst ?? ""}`, data: { line: i + 1 } }, parts));
    for (const [rule, level, , column, message] of here)
      block.append(el("span", { className: `finding ${level}`, title: `${level}, column ${column}` },
        el("b", {}, rule), " ", visible(message)));
  });
  return block;
}

function codeLines(code, runs) {
  const lines = [[]];
  let at = 0;
  for (const [, kind, length] of runs.matchAll(/([a-z.])(\d+)/g)) {
    const run = code.slice(at, at += Number(length));
    run.split(/\r\n|\r|\n/).forEach((part, i) => {
      if (i) lines.push([]);
      if (part) lines.at(-1).push(...(kind === "." ? visible(part) : [el("span", { className: kind }, visible(part))]));
    });
  }
  return lines;
}

// Makes a slot's column the active one, which changes when the list is used.
function activate(slot) {
  const changed = slot !== view.active;
  view.active = slot;
  for (const column of document.querySelectorAll(".column"))
    column.classList.toggle("active", Number(column.dataset.slot) === slot);
  if (!changed) return;
  scrollToCurrent();
  drawList();
  writeAddress();
}

function activateNeighbour(step) {
  const next = view.shown[view.shown.indexOf(view.active) + step];
  if (next === undefined) return;
  activate(next);
  document.querySelector(".column.active").scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Highlights what the search found in the text that is shown, without changing the text.
function highlightFound() {
  if (!globalThis.Highlight) return;
  CSS.highlights.delete("found");
  const wanted = terms(view.query).map((term) => term.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  if (!wanted.length) return;
  const pattern = new RegExp(wanted.join("|"), "giu");
  const walker = document.createTreeWalker($("detail"), NodeFilter.SHOW_TEXT);
  const nodes = [], starts = [];
  let text = "";
  while (walker.nextNode()) {
    nodes.push(walker.currentNode);
    starts.push(text.length);
    text += walker.currentNode.data;
  }
  const place = (offset, node) => {
    while (node + 1 < nodes.length && starts[node + 1] < offset) node++;
    return node;
  };
  const found = new Highlight();
  let node = 0;
  for (const match of text.matchAll(pattern)) {
    const range = new Range();
    node = place(match.index + 1, node);
    const end = match.index + match[0].length, last = place(end, node);
    range.setStart(nodes[node], match.index - starts[node]);
    range.setEnd(nodes[last], end - starts[last]);
    found.add(range);
  }
  CSS.highlights.set("found", found);
}

// ---------------------------------------------------------------- address

const slotPath = (slot) => tables.slot[slot].join("/");
const addressOf = (pairs) => new URLSearchParams(pairs).toString().replaceAll("%2F", "/");

function writeAddress() {
  const pairs = [];
  if (view.query) pairs.push(["q", view.query]);
  for (const one of facets)
    for (const value of [...view.chosen[one.name]].sort((a, b) => a - b)) pairs.push([one.name, one.values[value]]);
  pairs.push(["task", tasks[view.task].id]);
  for (const slot of view.shown) pairs.push(["show", slotPath(slot)]);
  if (view.active !== view.shown[0]) pairs.push(["active", slotPath(view.active)]);
  try {
    history.replaceState(null, "", `#${addressOf(pairs)}`);
  } catch { /* An embedded page may have no address of its own. */ }
}

// Sets the view from the address. What the address does not name keeps its first value, and what it
// names wrongly is ignored.
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  view.query = $("query").value = given.get("q") ?? "";
  for (const one of facets)
    view.chosen[one.name] = new Set(
      given.getAll(one.name).map((value) => one.values.indexOf(value)).filter((value) => value >= 0));
  const slots = new Map(tables.slot.map((_, slot) => [slotPath(slot), slot]));
  const asked = given.getAll("show").map((path) => slots.get(path)).filter((slot) => slot !== undefined);
  const task = tasks.findIndex(({ id }) => id === given.get("task"));
  filter();
  const first = rows[0] ?? 0;
  view.task = task >= 0 ? task : columns.task[first];
  view.shown = [...new Set(asked)].sort((a, b) => a - b);
  if (!view.shown.length) view.shown = [columns.slot[task >= 0 ? firstOfTask() : first]];
  const active = slots.get(given.get("active"));
  view.active = view.shown.includes(active) ? active : view.shown[0];
  update();
  showView();
}

// ---------------------------------------------------------------- theme

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function showTheme(theme) {
  const shown = THEMES.includes(theme) ? theme : THEMES[0];
  document.documentElement.dataset.theme = shown;
  $("theme").textContent = `Theme: ${shown}`;
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  showTheme(next);
  try { localStorage.setItem("theme", next); } catch { /* It then lasts as long as the page. */ }
}

// ---------------------------------------------------------------- events

function listen() {
  const list = $("list");
  let waiting = 0;
  $("query").oninput = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { view.query = $("query").value; update(); }, SEARCH_DELAY);
  };
  list.onclick = (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const record = Number(row.dataset.record);
    show(record, (event.ctrlKey || event.metaKey) && columns.task[record] === view.task);
  };
  let drawing = false;
  const redraw = () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; drawList(); });
  };
  list.onscroll = redraw;
  new ResizeObserver(redraw).observe(list);
  $("theme").onclick = nextTheme;
  $("skip").onclick = () => list.focus();
  $("help-open").onclick = () => $("help").showModal();
  $("filters-toggle").onclick = () => openFilters(!document.body.classList.contains("filtering"));
  addEventListener("hashchange", readAddress);
  addEventListener("keydown", onKey);
}

// Opens or closes the filters, which cover the list in a narrow window.
function openFilters(open) {
  open &&= $("filters-toggle").checkVisibility();
  document.body.classList.toggle("filtering", open);
  $("filters-toggle").ariaExpanded = String(open);
}

const KEYS = {
  "/": () => { $("query").focus(); $("query").select(); },
  f: () => { openFilters(true); $("filters").querySelector("input")?.focus(); },
  l: () => $("list").focus(),
  j: () => move(1),
  k: () => move(-1),
  n: () => moveTask(1),
  p: () => moveTask(-1),
  b: toggleBase,
  c: showPolicies,
  "[": () => activateNeighbour(-1),
  "]": () => activateNeighbour(1),
  x: () => closeColumn(view.active),
  r: clearFilters,
  t: nextTheme,
  "?": () => $("help").showModal(),
};
const LIST_KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(Math.floor($("list").clientHeight / ROW_HEIGHT)),
  PageUp: () => move(-Math.floor($("list").clientHeight / ROW_HEIGHT)),
  Home: () => moveTo(0),
  End: () => moveTo(rows.length - 1),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const typing = event.target.id === "query";
  let action = typing ? undefined : KEYS[event.key];
  if (event.target.id === "list" || (typing && ["ArrowDown", "ArrowUp"].includes(event.key)))
    action ??= LIST_KEYS[event.key];
  if (event.key === "Escape") action = onEscape;
  if (!action) return;
  event.preventDefault();
  action(event);
}

function onEscape(event) {
  if (event.target.matches("input") || document.body.classList.contains("filtering")) {
    openFilters(false);
    $("list").focus();
  } else if (view.shown.length > 1) showSlots([view.active], view.active);
}
