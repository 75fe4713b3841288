"use strict";
// All text goes through textContent: what an engine or a model wrote is never markup here.
const $ = id => document.getElementById(id);
const make = (tag, text, kind) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (kind) e.className = kind; return e; };
// A long name may be broken where its words end, and nowhere else.
const named = (e, text) => { e.append(...String(text).split(/(?<=[_/])/).flatMap(part => [part, make("wbr")])); return e; };
const option = (value, text) => { const o = make("option", text); o.value = value; return o; };
const num = (v, digits) => v == null ? "–" : v.toLocaleString("en", {maximumFractionDigits: digits, minimumFractionDigits: digits});
const clock = s => s == null ? "–" : s < 60 ? Math.floor(s) + " s" : s < 3600 ? Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s" : Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
const sum = of => Object.values(of).reduce((a, b) => a + b, 0);
const words = s => s.replaceAll("_", " ");
const say = text => { if ($("said").textContent !== text) $("said").textContent = text; };
// A copy that matrix serve --build wrote has files in place of a server.
const copy = document.documentElement.hasAttribute("data-copy");

const load = async path => {
  const r = await fetch(path).catch(() => { throw new Error(copy ? path + " is not to be had" : "matrix serve does not answer"); });
  const body = await r.json().catch(() => ({}));
  if (!r.ok) throw new Error(body.error || path + " is not to be had: " + r.status);
  return body;
};
const enc = encodeURIComponent;
const get = (path, query) => copy ? fromCopy[path](query) : load("api/" + path + "?" + new URLSearchParams(query));
const fromCopy = {
  tree: () => load("api/tree.json"),
  attempts: q => load("api/attempts/" + enc(q.experiment) + "/" + enc(q.slug) + ".json"),
  async requests(q) {
    const of = await load("api/rows/" + enc(q.attempt) + ".json"), limit = Number(q.limit), down = q.desc ? -1 : 1;
    const rows = of.rows.filter(r => (!q.status || r.status === q.status) && (!q.invalid || r.valid === false && (q.invalid === "any" || r.invalid_reason.split(":")[0] === q.invalid))).map((r, i) => [r, q.sort ? r[q.sort] : i]);
    rows.sort(([, x], [, y]) => x == null || y == null ? (x == null) - (y == null) : (x - y) * down);
    const from = q.before ? Math.max(0, (q.before === "end" ? rows.length : Number(q.before)) - limit) : Number(q.after || 0), next = q.before && q.before !== "end" ? Number(q.before) : from + limit;
    return {...of, matched: rows.length, copied: of.rows.length, rows: rows.slice(from, next).map(([r]) => r), next: next < rows.length ? String(next) : "", prev: String(from)};
  },
  async answer(q) {
    const of = await load("api/rows/" + enc(q.attempt) + ".json"), named = q.prompt ? of.rows.filter(r => r.prompt === q.prompt) : [];
    const r = of.rows.find(r => r.seq === Number(q.seq) && r.prompt === q.prompt) || (named.length === 1 && named[0]);
    if (!r) throw new Error(named.length ? "this prompt stands " + named.length + " times in the copy" : "this prompt is not in the copy");
    const c = tree.cells.find(c => c.experiment === q.experiment && c.slug === q.slug);
    return {request: r, platform: c.platform, cell: c.name, dataset: of.dataset, text: of.texts[r.seq]};
  },
};

// table draws rows; a column is {title, text, number, key, long, kind}. sorted is called with the key of a head that was pressed.
function table(into, columns, rows, order, sorted, pressed, chosen) {
  const head = make("tr"), body = make("tbody"), top = make("thead");
  for (const c of columns) {
    const th = make("th", undefined, c.number ? "number" : "");
    th.scope = "col";
    if (c.key && sorted) {
      const b = make("button", c.title + (order.key === c.key ? order.down ? " ▼" : " ▲" : ""));
      b.type = "button";
      b.dataset.key = c.key;
      b.onclick = () => { sorted(c.key); };
      th.append(b);
      th.setAttribute("aria-sort", order.key !== c.key ? "none" : order.down ? "descending" : "ascending");
    } else th.textContent = c.title;
    head.append(th);
  }
  for (const row of rows) {
    const tr = make("tr", undefined, chosen && chosen(row) ? "chosen" : "");
    columns.forEach((c, i) => {
      const td = make("td", undefined, c.number ? "number" : c.long ? "long" : c.kind ? c.kind(row) : "");
      if (i === 0 && pressed) {
        const b = named(make("button"), c.text(row));
        b.type = "button";
        b.dataset.key = "row " + (c.of || c.text)(row);
        b.onclick = () => pressed(row);
        td.append(b);
      } else td.textContent = c.text(row);
      tr.append(td);
    });
    body.append(tr);
  }
  top.append(head);
  // What has the keyboard keeps it: a table is drawn again when a head is pressed, and when an attempt lands.
  const held = into.contains(document.activeElement) && document.activeElement.dataset.key;
  into.replaceChildren(top, body);
  if (held) [...into.querySelectorAll("button")].find(b => b.dataset.key === held)?.focus({preventScroll: true});
}

let tree = {cells: [], experiments: [], problems: []}, order = {key: "name", down: false};
const most = 500; // rows of cells that are drawn
const metric = (title, name, digits, waits) => ({title, text: c => num(c.metrics[name], digits) + (waits && c.mode === "batch" && c.metrics[name] != null ? "*" : ""), number: true, key: name, of: c => c.metrics[name]});
const cellColumns = [
  {title: "cell", text: c => c.name, key: "name", of: c => c.experiment + "/" + c.name}, {title: "experiment", text: c => c.experiment},
  {title: "kind", text: c => c.simulated ? "SIMULATED" : c.imported ? "imported" : "measured"}, // of which figures are read differently: never behind the edge
  {title: "launches", text: c => c.launches + (c.last && c.last !== "complete" ? " (last: " + words(c.last) + ")" : "")},
  metric("load s", "load_s", 1), metric("batch s", "batch_s", 1), metric("out tok/s", "output_throughput", 1), metric("req/s", "request_throughput", 2),
  {title: "success", text: c => c.metrics.success_rate == null ? "–" : num(100 * c.metrics.success_rate, 2) + "%", number: true, key: "success_rate", of: c => c.metrics.success_rate},
  metric("valid/h", "valid_evaluations_per_hour", 0), metric("TTFT p50 s", "ttft_p50_s", 3, true), metric("TPOT p50 s", "tpot_p50_s", 4), metric("e2e p99 s", "e2e_p99_s", 2, true)];

function drawCells() {
  const word = $("filter").value.toLowerCase(), of = cellColumns.find(c => c.key === order.key).of;
  const rows = tree.cells.filter(c => (c.experiment + "/" + c.name).toLowerCase().includes(word)).sort((a, b) => {
    const x = of(a), y = of(b);
    if (x == null || y == null) return (x == null) - (y == null);
    return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1);
  });
  table($("cells"), cellColumns.filter(c => c.title !== "experiment" || tree.experiments.length > 1), rows.slice(0, most), order, key => { order = {key, down: order.key === key && !order.down}; drawCells(); }, c => go(c.experiment, c.slug),
    c => at[0] === c.experiment && at[1] === c.slug);
  $("cells-note").textContent = (rows.length > most ? most + " of " + num(rows.length, 0) + " cells: the filter finds the others. " : rows.length ? "" : tree.cells.length ? "No cell has this in its name. " : tree.problems.length ? "No cell has results that can be read. " : tree.results ? "No cell has results yet. " : "") +
    (rows.some(c => c.mode === "batch") ? "* includes waiting in the batch: do not rank it against a closed load's." : "");
}

async function drawTree() {
  try { tree = await get("tree", {}); } catch (e) {
    $("where").textContent = location.protocol === "file:" ? "A copy needs a web server: python3 -m http.server -d FOLDER" : e.message;
    $("where").className = "bad";
    return;
  }
  $("where").className = "dim";
  $("where").textContent = tree.results + " · matrix " + tree.matrix + (copy ? " · a copy of " + when(tree.at) : "");
  $("reports").replaceChildren(...tree.experiments.map(name => {
    const li = make("li"), a = make("a", "Report on " + name);
    a.href = "report/" + enc(name) + (copy ? ".html" : "");
    if (!copy) a.onclick = () => say("The report on " + name + " is being made from all its results …");
    li.append(a);
    return li;
  }));
  const bad = $("problems");
  bad.hidden = !tree.problems.length;
  bad.firstChild.textContent = tree.problems.length + (tree.problems.length === 1 ? " thing is" : " things are") + " wrong with these results";
  bad.lastChild.replaceChildren(...tree.problems.map(p => make("li", [[p.experiment, p.slug, p.attempt].filter(x => x).join("/"), words(p.problem), p.detail].filter(x => x).join(": "))));
  drawCells();
}
addEventListener("pageshow", () => say(""));

// The address says what is open: #experiment/cell/attempt/request/prompt.
let at = [], lost = false; // lost: the last address led nowhere, which was said
const go = (...parts) => { location.hash = parts.map(enc).join("/"); };
async function follow() {
  const was = at;
  let next = [""];
  if (lost) say("");
  lost = false;
  try { next = location.hash.slice(1).split("/").map(decodeURIComponent); } catch { lost = true; say("This address means nothing: " + location.hash); }
  at = next;
  const same = n => next.length >= n && was.length >= n && next.slice(0, n).join("/") === was.slice(0, n).join("/");
  const left = () => next.some((part, i) => part !== at[i]); // for another place; one further in needs what this draws
  drawCells();
  $("attempts-part").hidden = next.length < 2;
  $("requests-part").hidden = next.length < 3;
  $("answer-part").hidden = next.length < 5;
  try {
    if (next.length >= 2 && !same(2)) await drawAttempts(next.length === 2);
    else if (next.length >= 2) drawList();
    if (left()) return;
    if (next.length >= 3 && !same(3)) { page = newPage(); await drawRequests(next.length === 3); }
    if (next.length >= 5 && !same(5)) await drawAnswer();
  } catch (e) {
    if (left()) return;
    lost = true;
    for (const part of ["attempts", "requests", "answer"]) $(part + "-part").hidden = true; // of another cell
    say(e.message);
  }
}
const show = id => { $(id).scrollIntoView(); $(id).focus({preventScroll: true}); };

// Times are this browser's, as those of an apply are.
const when = t => t.startsWith("0001") ? "–" : new Date(t).toLocaleString();
let list = [];
async function drawAttempts(first) {
  const [experiment, slug] = at;
  const got = await get("attempts", {experiment, slug});
  if (experiment !== at[0] || slug !== at[1]) return; // another was asked for since
  list = got;
  $("attempts-part").hidden = false;
  $("attempts-title").textContent = "Attempts at " + (tree.cells.find(c => c.experiment === experiment && c.slug === slug)?.name || slug);
  drawList();
  if (first) show("attempts-title");
}
function drawList() {
  table($("attempts"), [{title: "attempt", text: a => a.manifest.attempt}, {title: "launch", text: a => a.manifest.launch || "–", number: true}, {title: "status", text: a => words(a.manifest.status) || "–"},
    {title: "ok", text: a => a.manifest.planned ? num(a.manifest.ok, 0) + " of " + num(a.manifest.planned, 0) : "–", number: true}, {title: "began", text: a => when(a.manifest.began)},
    {title: "counts", text: a => a.counts ? "yes" : "no: " + words(a.why_not)}, {title: "why", text: a => words(a.problem) || a.tainted || (a.manifest.status === "complete" ? "" : a.manifest.reason), long: true}],
    list, {}, null, a => go(at[0], at[1], a.manifest.attempt), a => a.manifest.attempt === at[2]);
}

let page, shown = {rows: []};
const newPage = () => ({sort: "", desc: "", status: "", invalid: "", warmup: "", limit: 50, before: "", after: "", from: 0});
async function drawRequests(first) {
  const p = page, [experiment, slug, attempt] = at;
  let got = {total: 0, matched: 0, counts: {}, invalid: {}, rows: [], next: ""}, fault = "";
  $("range").textContent = "Reading …";
  try { got = await get("requests", {experiment, slug, attempt, sort: p.sort, desc: p.desc, status: p.status, invalid: p.invalid, warmup: p.warmup, limit: p.limit, after: p.after, before: p.before}); } catch (e) { fault = e.message; }
  if (p !== page) return; // another was asked for since
  shown = got;
  if (p.before) p.from = Math.max(0, (p.before === "end" ? got.matched : p.from) - got.rows.length); // from was where the page behind begins
  const kinds = (of, first) => Object.entries(of).map(([name, n]) => option(first + name, words(name) + " (" + num(n, 0) + ")")), unusable = sum(got.invalid), group = make("optgroup");
  group.label = "ok, and not valid";
  group.append(option("ok any", "any of these (" + num(unusable, 0) + ")"), ...kinds(got.invalid, "ok "));
  $("status").replaceChildren(option("", "any"), ...kinds(got.counts, ""), ...unusable ? [group] : []);
  $("status").value = p.status + (p.invalid && " " + p.invalid);
  $("warmup").checked = p.warmup === "1";
  $("warmup").parentNode.hidden = copy;
  $("range").textContent = fault || (got.rows.length ? num(p.from + 1, 0) + "–" + num(p.from + got.rows.length, 0) + " of " + num(got.matched, 0) + (p.sort ? "" : ", as they ended") : "none") + (got.copied < sum(got.counts) ? "; this copy has " + num(got.copied, 0) + " of " + num(sum(got.counts), 0) + " requests" : "");
  if (!fault && got.checked === false) checked(p);
  $("range").className = fault ? "bad" : "";
  $("first").disabled = $("back").disabled = !p.from;
  $("forth").disabled = $("last").disabled = !got.next || p.from + got.rows.length >= got.matched;
  const col = (title, key, digits) => ({title, text: r => num(r[key], digits), number: true, key});
  table($("requests"), [{title: "request", text: r => r.seq, key: "seq"}, {title: "prompt", text: r => r.prompt}, {title: "status", text: r => words(r.status), kind: r => r.status === "ok" ? "" : "bad"},
    {title: "valid", text: validity, kind: r => r.valid === false ? "bad" : ""},
    col("sent s", "sent_s", 3), col("TTFT s", "ttft_s", 4), col("TPOT s", "tpot_s", 5), col("e2e s", "e2e_s", 3), col("tokens in", "input_tokens", 0), col("tokens out", "output_tokens", 0),
    {title: "finish", text: r => r.finish_reason}, {title: "error", text: r => r.error, long: true}], got.rows, {key: p.sort, down: p.desc === "1"},
    key => turn({sort: key, desc: p.sort === key && p.desc !== "1" ? "1" : ""}), r => go(...at.slice(0, 3), r.seq, r.prompt));
  if (first) show("requests-title");
}
// checked says that the file's checksum is not known yet, and asks until it is: a gigabyte takes a second or two.
async function checked(p) {
  const said = $("range").textContent, [experiment, slug, attempt] = at;
  $("range").textContent = said + " · checksum not compared yet";
  for (;;) {
    await new Promise(r => setTimeout(r, 1000));
    let got, fault = "";
    try { got = await get("requests", {experiment, slug, attempt, limit: 1}); } catch (e) { fault = e.message; }
    if (p !== page) return;
    if (!fault && !got.checked) continue;
    $("range").textContent = fault || said;
    $("range").className = fault ? "bad" : "";
    return;
  }
}
const because = r => r.invalid_reason.replace(/^[^:]*/, words); // behind the colon is a place in the answer, as it is
// validity is whether an answer can be used, and why not: nobody looked where it is not known, and what did not end has its status for that.
const validity = r => r.valid == null ? "–" : r.valid ? "yes" : r.status === "ok" ? "no: " + because(r) : "no";
const turn = change => { page = {...page, before: "", after: "", from: 0, ...change}; return drawRequests(); };
$("status").onchange = () => { const [status, invalid = ""] = $("status").value.split(" "); turn({status, invalid}); };
$("warmup").onchange = () => turn({warmup: $("warmup").checked ? "1" : ""});
$("first").onclick = () => turn({});
$("back").onclick = () => turn({before: shown.prev, from: page.from});
$("forth").onclick = () => turn({after: shown.next, from: page.from + shown.rows.length});
$("last").onclick = () => turn({before: "end"});
$("filter").oninput = drawCells;

// drawAnswer shows a request beside the same prompt's answer elsewhere: at first on another platform, in a cell as like as there is.
async function drawAnswer() {
  const [experiment, slug, attempt, seq, prompt] = at, mine = tree.cells.find(c => c.experiment === experiment && c.slug === slug);
  const likeness = c => (c.experiment === experiment) * 8 + (c.model === mine?.model) * 4 + (c.platform !== mine?.platform) * 2 + (c.batch_size === mine?.batch_size);
  const others = tree.cells.filter(c => c !== mine && c.attempt).sort((a, b) => likeness(b) - likeness(a));
  $("beside").replaceChildren(option("", "nothing"), ...others.map((c, i) => option(i, (c.experiment === experiment ? "" : c.experiment + " ") + c.name)));
  $("beside").value = others.length ? "0" : "";
  $("answer-title").textContent = "Answer to " + (prompt ? "prompt " + prompt : "request " + seq);
  // Of one prompt id: the same bytes, or the same entry of the same dataset, in which nonces and templates differ.
  const same = (x, y) => x.request.prompt_hash && x.request.prompt_hash === y.request.prompt_hash || x.dataset && x.dataset === y.dataset;
  const own = get("answer", {experiment, slug, attempt, seq, prompt});
  const draw = async (into, asked) => {
    const wanted = into.wanted = {};
    let parts;
    try {
      const got = await asked, r = got.request;
      parts = [make("h3", got.cell + " · request " + r.seq), make("p", words(r.status) + " · TTFT " + num(r.ttft_s, 3) + " s · e2e " + num(r.e2e_s, 3) + " s · " + num(r.output_tokens, 0) + " tokens" + (r.valid == null || r.status !== "ok" ? "" : r.valid ? " · valid" : " · not valid: " + because(r)) + (r.error ? " · " + r.error : ""), r.status === "ok" && r.valid !== false ? "dim" : "bad"),
        got.text == null ? make("p", "No answer was kept.") : make("pre", got.text)];
      if (got.text != null) parts[2].tabIndex = 0;
      if (asked !== own && !await own.then(mine => same(mine, got), () => true)) parts.splice(1, 0, make("p", "The same id; that it is the same prompt is not known.", "warn"));
    } catch (e) { parts = [make("p", e.message, "bad")]; }
    if (into.wanted === wanted) into.replaceChildren(...parts);
  };
  const theirs = async c => { if (!prompt) throw new Error("These requests have no prompt ids: which has the same prompt is not known."); return get("answer", {experiment: c.experiment, slug: c.slug, attempt: c.attempt, seq, prompt}); };
  const beside = () => { const c = others[$("beside").value]; if (c) return draw($("other"), theirs(c)); $("other").wanted = null; $("other").replaceChildren(); };
  $("beside").onchange = beside;
  await Promise.all([draw($("mine"), own), beside()]);
  show("answer-title");
}

addEventListener("hashchange", follow);
drawTree().then(follow);
