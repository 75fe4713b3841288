"use strict";
// What runs: the records of matrix apply --json out of each apply's journal, and every second its board.
const applies = new Map(); // by source: what its journal has told, and its part of the page
const views = new Map();   // by attempt
// The signs are those of matrix plan.
const marks = {done: ["✓", "good", "done"], running: ["●", "good", "running"], new: ["+", "", "to be measured"], stale: ["~", "", "to be measured again"], partial: ["~", "", "launches are missing"],
  failed: ["!", "bad", "failed"], infeasible: ["✗", "", "cannot run"], excluded: ["·", "dim", "left out"], unavailable: ["?", "warn", "lacks something on this machine"]};
const mostDrawn = 40, mostWhy = 5; // rows of a grid, and reasons below it

function applyOf(source) {
  if (!applies.has(source)) {
    const a = {source, box: make("div", undefined, "apply"), cells: new Map(), steps: new Map(), events: [], summary: null};
    a.title = make("p"); a.grid = make("div", undefined, "wide"); a.legend = make("p", "", "dim"); a.launches = make("div"); a.log = make("details"); a.list = make("ul", undefined, "events");
    a.grid.tabIndex = 0; a.grid.setAttribute("role", "region"); a.grid.setAttribute("aria-label", "The plan");
    a.list.tabIndex = 0; a.list.setAttribute("aria-label", "What has happened");
    a.log.append(make("summary", "What has happened"), a.list);
    a.box.append(a.title, a.grid, a.legend, a.launches, a.log);
    applies.set(source, a);
  }
  return applies.get(source);
}

// told takes one record of a journal in.
function told(a, r) {
  const c = a.cells.get(r.cell), time = r.at ? new Date(r.at).toLocaleTimeString() + "  " : "";
  const note = (text, kind) => { a.events.unshift([time + text, kind]); a.events.length = Math.min(a.events.length, 200); };
  const name = (r.steps ? "[" + r.step + "/" + r.steps + "] " : "") + (r.name || "");
  switch (r.type) {
  case "planned_cell": a.cells.set(r.cell, {...r, left: r.launches.length}); break;
  case "launch_start": if (c) c.state = "running"; note(name + " launch " + r.launch); break;
  case "cell_complete": note(name + " complete", "good"); if (c) { c.left--; c.ended = c.ended === "failed" ? "failed" : "done"; } break;
  case "cell_failed": { const fault = words(r.status || "failed") + (r.message ? ": " + r.message : ""); note(name + " " + fault, "bad"); if (c) { c.left--; c.ended = "failed"; c.fault = fault; } break; }
  case "launch_stop": if (c && c.ended) c.state = c.left > 0 && c.ended === "done" ? "partial" : c.ended; break;
  case "interrupt": note(r.message || "interrupted", "warn"); break;
  case "warning": note(r.message, "warn"); break;
  case "apply_summary": a.summary = r.summary; a.fault = r.message; note(ended(r.summary)); if (r.message) note(r.message, "bad"); break;
  }
}
const ended = s => "Over: " + [["complete", s.complete], ["failed", s.engine_failed], ["censored", s.censored], ["failed for the machine's fault", s.environment_failed], ["interrupted", s.interrupted], ["not run", s.not_run]]
  .filter(([w, n]) => n || w === "complete").map(([w, n]) => n + " " + w).join(", ") + " in " + clock(s.took_s);

function drawGrid(a) {
  const cells = [...a.cells.values()];
  const rowOf = c => Object.entries(c.axes).filter(([k]) => k !== "batch_size").sort(([x], [y]) => (x !== "platform") - (y !== "platform")).map(([, v]) => v).join(" · ") || c.name;
  const columns = [...new Set(cells.map(c => c.axes.batch_size || ""))].sort((x, y) => Number(x) - Number(y)), rows = new Map(); // row → column → cell
  for (const c of cells) rows.set(rowOf(c), (rows.get(rowOf(c)) || new Map()).set(c.axes.batch_size || "", c));
  const stateOf = c => c.state === "running" && a.state !== "running" ? "partial" : c.state; // nobody measures it any more
  a.grid.hidden = a.legend.hidden = !cells.length;
  if (!cells.length) return;
  const t = make("table", undefined, "marks"), head = make("tr"), top = make("thead"), body = make("tbody");
  head.append(make("th", "batch"), ...columns.map(c => make("th", c)));
  for (const th of head.children) th.scope = "col";
  top.append(head);
  // Of many rows those around what runs.
  const names = [...rows.keys()], busy = names.findIndex(n => [...rows.get(n).values()].some(c => stateOf(c) === "running")), from = Math.max(0, Math.min(busy - mostDrawn / 2, names.length - mostDrawn));
  for (const row of names.slice(from, from + mostDrawn)) {
    const tr = make("tr"), th = named(make("th"), row);
    th.scope = "row";
    tr.append(th);
    for (const column of columns) {
      const c = rows.get(row).get(column), td = make("td");
      if (c) {
        const state = stateOf(c), [sign, kind] = marks[state] || ["?", ""], mark = make("span", sign, kind);
        mark.setAttribute("role", "img");
        mark.setAttribute("aria-label", state);
        mark.title = c.name + ": " + state + (c.skip ? ": " + c.skip.reason : "");
        td.append(mark);
      }
      tr.append(td);
    }
    body.append(tr);
  }
  t.append(top, body);
  a.grid.replaceChildren(t);
  const states = new Set(cells.map(stateOf)), why = new Map(); // why not → cells, the failed ones first
  for (const reason of [c => c.fault, c => c.skip?.reason])
    for (const c of cells) if (reason(c)) (why.get(reason(c)) || why.set(reason(c), []).get(reason(c))).push(c);
  a.legend.replaceChildren(Object.entries(marks).filter(([s]) => states.has(s)).map(([, [sign, , text]]) => sign + " " + text).join(", ") + (names.length > mostDrawn ? "; " + mostDrawn + " of " + num(names.length, 0) + " rows" : ""),
    ...[...why].slice(0, mostWhy).flatMap(([reason, of]) => [make("br"), make("span", of[0].name + (of.length > 1 ? " and " + num(of.length - 1, 0) + " more" : "") + ": " + reason, of[0].fault ? "bad" : "")]),
    ...why.size > mostWhy ? [make("br"), "and " + num(why.size - mostWhy, 0) + " more reasons"] : []);
}
function drawEvents(a) {
  a.log.hidden = !a.events.length;
  a.list.replaceChildren(...a.events.map(([text, kind]) => make("li", text, kind)));
}

// A view of a launch is made once and then changed, so that what is open stays open.
function viewOf(attempt) {
  if (!views.has(attempt)) {
    const v = {box: make("div", undefined, "launch"), title: make("h3"), phase: make("p"), bar: make("progress"), figures: make("p"), eta: make("p"), warn: make("p", "", "warn"), line: make("p", "", "dim"),
      charts: make("div", undefined, "charts"), more: make("details"), log: make("pre"), series: new Map(), held: new Map()};
    v.bar.setAttribute("aria-label", "requests done");
    v.log.tabIndex = 0; v.log.setAttribute("role", "region"); v.log.setAttribute("aria-label", "The engine's log");
    v.more.append(make("summary", "The engine's log"), v.log);
    v.more.hidden = v.more.open = true;
    v.box.append(v.title, v.phase, v.bar, v.figures, v.eta, v.warn, v.line, v.charts, v.more);
    views.set(attempt, v);
  }
  return views.get(attempt);
}

// endsAt is the clock then, with seconds where it is soon.
const endsAt = (s, soon) => new Date(Date.now() + 1000 * s).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", ...soon && {second: "2-digit"}});
function endsText(p) {
  const cell = p.cell_eta_s == null ? "" : "Cell done in " + clock(p.cell_eta_s) + ", at " + endsAt(p.cell_eta_s, p.cell_eta_s < 600);
  if (p.plan_eta_s == null) return cell;
  const soon = p.plan_eta_s < 600, [low, high] = [p.plan_eta_low_s, p.plan_eta_high_s].map(s => s == null ? "" : endsAt(s, soon));
  return (cell ? cell + "; all in " : "All in ") + clock(p.plan_eta_s) + ", at " + endsAt(p.plan_eta_s, soon) + (low === high ? "" : " (90%: " + low + " to " + high + ")");
}
function drawLaunch(l) {
  const v = viewOf(l.attempt), p = l.progress;
  v.last = l;
  // The clock of the apply's machine and that of this one may differ.
  v.skew = Math.min(v.skew ?? Infinity, Date.now() - Date.parse(l.seen));
  v.title.textContent = "[" + l.step + "/" + l.steps + "] " + l.name + " · launch " + l.launch + (l.simulated ? " · SIMULATED" : "");
  v.bar.hidden = v.figures.hidden = !p;
  v.eta.textContent = endsText(p || l);
  v.eta.hidden = !v.eta.textContent;
  v.warn.textContent = v.line.textContent = "";
  if (p) {
    v.bar.max = p.planned || 1; v.bar.value = p.done;
    v.figures.textContent = num(p.done, 0) + " of " + num(p.planned, 0) + " requests · " + num(p.failed, 0) + " failed · " + num(p.tokens_per_s, 0) + " tok/s · " + num(p.in_flight, 0) + " in flight";
    v.warn.textContent = p.stalled || "";
    point(v, "tokens/s", Date.parse(l.seen) / 1000, p.tokens_per_s, 0, "");
  }
  if (l.log_line) v.line.textContent = "| " + l.log_line;
  tickLaunch(v);
}
function tickLaunch(v) {
  const l = v.last, p = l.progress;
  if (v.frozen) return;
  const ran = p ? p.elapsed_s + (Date.now() - v.skew - Date.parse(l.seen)) / 1000 : (Date.now() - v.skew - Date.parse(l.phase_began)) / 1000;
  v.phase.textContent = (p ? "measure" : l.phase || "begins") + (l.part ? " · " + l.part : "") + (ran >= 0 && ran < 1e8 ? " · " + clock(ran) : "") + (l.limit_s ? " of at most " + clock(l.limit_s) : "");
}

// gauges are the figures that are drawn: [what vLLM and llama-server call it, title, factor, digits, how sources are put together].
const gauges = [["num_requests_running requests_processing", "running in the engine", 1, 0, "sum"], ["num_requests_waiting requests_deferred", "waiting in the engine", 1, 0, "sum"], ["kv_cache_usage_perc", "KV cache in use, %", 100, 0, "mean"],
  ["gpu_util_ratio", "GPU busy, %", 100, 0, "mean"], ["memory_used_bytes", "VRAM, GiB", 2 ** -30, 1, "sum"], ["power_w", "GPU power, W", 1, 0, "sum"], ["sm_clock_hz", "GPU clock, MHz", 1e-6, 0, "mean"],
  ["rss_bytes", "memory of the engine, GiB", 2 ** -30, 2, "sum"], ["host_cpu_ratio", "CPU of the machine, %", 100, 0, "mean"]];
const span = 600;

function point(v, title, t, y, digits) {
  if (!v.series.has(title)) v.series.set(title, {points: [], digits});
  const s = v.series.get(title);
  if (s.points.length && s.points.at(-1)[0] >= t) return;
  s.points.push([t, y]);
  while (s.points[0][0] < t - span) s.points.shift();
  s.changed = true;
}
// An engine puts its prefix before a name, and tells what has changed: at each moment at which it tells anything, the rest is what it was.
const called = (metric, names) => names.split(" ").some(n => metric === n || metric.endsWith(":" + n)), ours = /^(host|process|nvml:.*)$/;
function samples(attempt, rows) {
  const v = viewOf(attempt), at = new Map(); // title → second → source → value
  const put = (title, second, source, value) => { const of = at.get(title) || at.set(title, new Map()).get(title); (of.get(second) || of.set(second, new Map()).get(second)).set(source, value); };
  for (const [t, source, name, value] of rows) {
    const second = Math.round(t * 2) / 2;
    if (!v.last?.progress && called(name, "generation_tokens_total")) { // before anybody looked; then the client tells
      const [from, before] = v.counted || [];
      if (t > from && value >= before) point(v, "tokens/s", t, (value - before) / (t - from), 0);
      v.counted = [t, value];
    }
    for (const [names, title] of gauges) {
      const held = v.held.get(title) || v.held.set(title, new Map()).get(title);
      if (called(name, names)) { held.set(source, value); put(title, second, source, value); }
      else if (!ours.test(source) && held.has(source)) put(title, second, source, held.get(source));
    }
  }
  for (const [, title, factor, digits, how] of gauges)
    for (const [t, values] of at.get(title) || []) point(v, title, t, factor * [...values.values()].reduce((a, b) => a + b, 0) / (how === "mean" ? values.size : 1), digits);
}

// drawCharts draws what has changed; no line goes over a gap.
function drawCharts(v) {
  for (const [title, s] of v.series) {
    if (!s.changed || s.points.length < 2) continue;
    s.changed = false;
    if (!s.box) {
      s.box = make("figure"); s.words = make("figcaption");
      s.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"); s.path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      s.svg.setAttribute("viewBox", "0 0 300 60"); s.svg.setAttribute("preserveAspectRatio", "none"); s.svg.setAttribute("role", "img");
      s.svg.append(s.path); s.box.append(s.words, s.svg); v.charts.append(s.box);
    }
    const ys = s.points.map(p => p[1]), high = Math.max(...ys), low = Math.min(0, ...ys), first = s.points[0][0], wide = Math.max(s.points.at(-1)[0] - first, 1);
    const steps = s.points.slice(1).map((p, i) => p[0] - s.points[i][0]).sort((a, b) => a - b), gap = 4 * Math.max(1, steps[steps.length >> 1]);
    s.path.setAttribute("d", s.points.map(([t, y], i) => (i && t - s.points[i - 1][0] <= gap ? "L" : "M") + (300 * (t - first) / wide).toFixed(1) + " " + (58 - 56 * (y - low) / (high - low || 1)).toFixed(1)).join(""));
    s.words.textContent = title + ": " + num(ys.at(-1), s.digits) + " (most " + num(high, s.digits) + " in " + clock(wide) + ")";
    s.svg.setAttribute("aria-label", s.words.textContent);
  }
}

let now = {apply: []}, lostAt = 0; // when the server was heard last, where it is not heard any more
const sayings = {running: a => "runs", silent: a => "gives no sign of life since " + new Date(a.seen).toLocaleTimeString() + ": stopped, or its disk hangs", dead: a => "was killed: its process is gone. The next matrix apply goes on with what it left."};
function drawNow() {
  const into = $("now"), parts = [];
  if (lostAt) parts.push(make("p", "Not live: nothing came from matrix serve since " + new Date(lostAt).toLocaleTimeString() + ". What stands here is of then.", "warn"));
  for (const text of now.unseen || []) parts.push(make("p", "Cannot be looked into, so an apply may run unseen: " + text, "warn"));
  if (now.gone) parts.push(make("p", "There is no folder of results: it comes with the first apply. If it was moved, start matrix serve on it anew.", "warn"));
  for (const r of now.runs || []) parts.push(make("p", r.name + " on a cluster: " + num(r.committed, 0) + " of " + num(r.launches, 0) + " launches committed; " + (r.watcher ? "watched by " + r.watcher : "nobody watches it: matrix apply --on slurm does")));
  for (const a of now.apply) {
    const of = applyOf(a.source);
    of.title.textContent = a.experiment + " (pid " + a.pid + (a.host ? " on " + a.host : "") + ") " + sayings[a.state](a);
    of.title.className = a.state === "running" ? "" : "bad";
    if (a.state !== of.state && of.state !== undefined) say(of.title.textContent);
    const changed = a.state !== of.state;
    of.state = a.state;
    if (changed) drawGrid(of);
    for (const l of a.launches) { const v = viewOf(l.attempt); v.frozen = false; drawLaunch(l); if (a.state !== "running") v.frozen = v.eta.hidden = true; }
    const boxes = a.launches.map(l => viewOf(l.attempt).box);
    if ([...of.launches.children].some((e, i) => e !== boxes[i]) || of.launches.children.length !== boxes.length) of.launches.replaceChildren(...boxes);
    parts.push(of.box);
  }
  const last = applies.get("");
  if (!now.apply.length && !now.runs?.length && !now.gone && !(now.unseen || []).length) parts.push(make("p", "No apply runs on these results."));
  if (last && !now.apply.some(a => a.source === "") && last.events.length) {
    last.title.textContent = last.summary ? "The last apply. " + ended(last.summary) + "." + (last.fault ? " An error ended it: " + last.fault : "") : "The last apply did not come to its end.";
    last.title.className = last.summary && !last.fault ? "" : "bad";
    last.launches.replaceChildren();
    if (last.state) { last.state = ""; drawGrid(last); }
    parts.push(last.box);
  }
  if (parts.length !== into.children.length || parts.some((e, i) => e !== into.children[i])) into.replaceChildren(...parts);
  const live = new Set(now.apply.flatMap(a => a.launches.map(l => l.attempt)));
  for (const attempt of views.keys()) if (!live.has(attempt)) views.delete(attempt);
}

let wanted = 0;
const treeSoon = () => { clearTimeout(wanted); wanted = setTimeout(() => drawTree().then(() => at.length < 2 || drawAttempts(false)).catch(e => say(e.message)), 300); };
let missed = document.hidden; // what has landed since the tree was read is told by nobody
let quiet = 15000; // ms without a word, of which there is one in five seconds
let heard = 0, hangUp = () => {};
function connect() {
  hangUp();
  const events = new EventSource("api/events"), on = (name, f) => events.addEventListener(name, e => { heard = Date.now(); f(JSON.parse(e.data)); });
  const began = Date.now();
  let backlog = true;
  const lose = () => { lostAt ||= heard || began; say("The connection to matrix serve is lost; trying again …"); drawNow(); };
  on("hello", () => { for (const a of applies.values()) a.box.remove(); applies.clear(); views.clear(); now = {apply: []}; backlog = true; if (lostAt) say("Connected again."); lostAt = 0; if (missed) treeSoon(); missed = true; });
  on("beat", () => {});
  on("begin", m => { const a = applyOf(m.source); a.cells.clear(); a.events = []; a.summary = null; });
  on("records", m => { const a = applyOf(m.source); for (const r of m.of) told(a, r); if (a.summary && !backlog) say(ended(a.summary)); drawGrid(a); drawEvents(a); drawNow(); });
  on("log", m => { const v = viewOf(m.of.attempt); v.more.hidden = !m.of.text; const down = v.log.scrollTop + v.log.clientHeight >= v.log.scrollHeight - 4; v.log.textContent = m.of.text; if (down) v.log.scrollTop = v.log.scrollHeight; });
  on("samples", m => samples(m.of.attempt, m.of.rows));
  on("now", m => { now = m; backlog = false; drawNow(); });
  on("tree", treeSoon);
  events.onerror = lose;
  // A server that hangs, and a connection that was forgotten on the way, end no stream; and a browser does not try again after a refusal.
  const watch = setInterval(() => { if (Date.now() - Math.max(heard, began) > quiet) { lose(); connect(); } }, 1000);
  hangUp = () => { clearInterval(watch); events.close(); };
}
if (copy) $("now-part").hidden = true;
else {
  // A browser has six connections to a server for all its tabs: those that nobody sees must leave them to the one that is seen.
  const seen = () => document.hidden ? hangUp() : connect();
  document.addEventListener("visibilitychange", seen);
  seen();
  setInterval(() => { for (const v of views.values()) { if (v.last && !lostAt) tickLaunch(v); drawCharts(v); } }, 1000);
}
