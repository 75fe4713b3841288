"use strict";
// All text goes through textContent: what an engine or a model wrote is never markup here.
const $ = id => document.getElementById(id);
const make = (tag, text, kind) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (kind) e.className = kind; return e; };
const num = (v, digits) => v == null ? "–" : v.toLocaleString("en", {maximumFractionDigits: digits, minimumFractionDigits: digits});
const clock = s => s == null ? "–" : s < 60 ? Math.round(s) + " s" : s < 3600 ? Math.floor(s / 60) + " min " + Math.round(s % 60) + " s" : (s / 3600).toFixed(1) + " h";
const get = async (path, query) => {
  const r = await fetch(path + "?" + new URLSearchParams(query));
  const body = await r.json();
  if (!r.ok) throw new Error(body.error || r.status);
  return body;
};

// table draws rows; a column is [title, text of a row, number?, sort key]. sorted is called with the key of a head that was pressed.
function table(into, columns, rows, order, sorted, pressed) {
  const head = make("tr");
  for (const [title, , number, key] of columns) {
    const th = make("th", undefined, number ? "number" : "");
    th.scope = "col";
    if (key) {
      const b = make("button", title);
      b.type = "button";
      b.onclick = () => sorted(key);
      th.append(b);
      th.setAttribute("aria-sort", order.key !== key ? "none" : order.down ? "descending" : "ascending");
    } else th.textContent = title;
    head.append(th);
  }
  const body = make("tbody");
  for (const row of rows) {
    const tr = make("tr");
    columns.forEach(([, text, number], i) => {
      const td = make("td", undefined, number ? "number" : "");
      if (i === 0 && pressed) {
        const b = make("button", text(row));
        b.type = "button";
        b.onclick = () => pressed(row);
        td.append(b);
      } else td.textContent = text(row);
      tr.append(td);
    });
    body.append(tr);
  }
  const top = make("thead");
  top.append(head);
  into.replaceChildren(top, body);
}

let tree = {cells: [], reports: []}, order = {key: "name", down: false};
const metric = name => c => c.metrics[name];
const keys = {name: c => c.experiment + "/" + c.name, load: metric("load_s"), tput: metric("output_throughput"), req: metric("request_throughput"), ok: metric("success_rate"), ttft: metric("ttft_p50_s"), e2e: metric("e2e_p99_s"), batch: metric("batch_s")};
const cellColumns = [
  ["cell", c => c.name, false, "name"], ["experiment", c => c.experiment],
  ["launches", c => c.launches + (c.last && c.last !== "complete" ? " (last: " + c.last.replace("_", " ") + ")" : "")],
  ["load s", c => num(c.metrics.load_s, 1), true, "load"], ["batch s", c => num(c.metrics.batch_s, 1), true, "batch"],
  ["out tok/s", c => num(c.metrics.output_throughput, 1), true, "tput"], ["req/s", c => num(c.metrics.request_throughput, 2), true, "req"],
  ["success", c => c.metrics.success_rate == null ? "–" : num(100 * c.metrics.success_rate, 2) + "%", true, "ok"],
  ["TTFT p50 s", c => num(c.metrics.ttft_p50_s, 3), true, "ttft"], ["e2e p99 s", c => num(c.metrics.e2e_p99_s, 2), true, "e2e"],
  ["", c => c.simulated ? "SIMULATED" : c.imported ? "imported" : ""]];

function drawCells() {
  const word = $("filter").value.toLowerCase();
  const of = keys[order.key];
  const rows = tree.cells.filter(c => (c.experiment + "/" + c.name).toLowerCase().includes(word)).sort((a, b) => {
    const x = of(a), y = of(b);
    if (x == null || y == null) return (x == null) - (y == null);
    return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1);
  });
  table($("cells"), cellColumns, rows, order, key => { order = {key, down: order.key === key && !order.down}; drawCells(); }, drawAttempts);
}

async function drawTree() {
  tree = await get("/api/tree", {});
  $("where").textContent = tree.results + " · matrix " + tree.matrix;
  const links = tree.reports.map(name => { const a = make("a", "report of " + name); a.href = "/report/" + encodeURIComponent(name); return a; });
  $("reports").replaceChildren(...links.flatMap(a => [a, document.createTextNode(" ")]));
  drawCells();
}

async function drawAttempts(c) {
  const list = await get("/api/attempts", {experiment: c.experiment, slug: c.slug});
  $("attempts-part").hidden = false;
  $("attempts-title").textContent = "Attempts at " + c.name;
  table($("attempts"), [["attempt", a => a.manifest.attempt], ["launch", a => a.manifest.launch, true], ["status", a => a.manifest.status.replace("_", " ")],
    ["ok", a => num(a.manifest.ok, 0) + " of " + num(a.manifest.planned, 0), true], ["began", a => a.manifest.began], ["counts", a => a.counts ? "yes" : "no: " + a.why_not], ["why", a => a.manifest.reason || a.problem || a.tainted || ""]],
    list, {}, null, a => { page = {experiment: c.experiment, attempt: a.manifest.attempt, offset: 0, limit: 100, sort: "seq", desc: "", status: ""}; $("status").replaceChildren(make("option", "any")); $("status").firstChild.value = ""; drawRequests(); });
  $("attempts-title").scrollIntoView();
}

let page = null;
async function drawRequests() {
  let got;
  try { got = await get("/api/requests", page); } catch (e) { got = {total: 0, matched: 0, counts: {}, rows: []}; $("range").textContent = e.message; }
  $("requests-part").hidden = false;
  const choices = $("status");
  for (const [name, n] of Object.entries(got.counts)) {
    if ([...choices.options].some(o => o.value === name)) continue;
    const o = make("option", name + " (" + num(n, 0) + ")");
    o.value = name;
    choices.append(o);
  }
  if (got.total) $("range").textContent = got.matched ? num(page.offset + 1, 0) + "–" + num(page.offset + got.rows.length, 0) + " of " + num(got.matched, 0) : "none";
  $("back").disabled = page.offset === 0;
  $("forth").disabled = page.offset + got.rows.length >= got.matched;
  const col = (title, key, digits) => [title, r => num(r[key], digits), true, key];
  table($("requests"), [["request", r => r.seq, true, "seq"], ["prompt", r => r.prompt], ["status", r => r.status], col("sent s", "sent_s", 3), col("TTFT s", "ttft_s", 4), col("TPOT s", "tpot_s", 5), col("e2e s", "e2e_s", 3),
    col("tokens in", "input_tokens", 0), col("tokens out", "output_tokens", 0), ["finish", r => r.finish_reason], ["error", r => r.error]], got.rows, {key: page.sort, down: page.desc === "1"},
    key => { page.desc = page.sort === key && page.desc !== "1" ? "1" : ""; page.sort = key; page.offset = 0; drawRequests(); }, drawAnswer);
}
async function drawAnswer(r) {
  let text;
  try { text = (await get("/api/answer", {experiment: page.experiment, attempt: page.attempt, seq: r.seq})).text; } catch (e) { text = e.message; }
  $("answer-title").textContent = "Answer " + r.seq;
  $("answer").textContent = text;
  $("answer-title").hidden = $("answer").hidden = false;
  $("answer").focus();
}
$("status").onchange = () => { page.status = $("status").value; page.offset = 0; drawRequests(); };
$("back").onclick = () => { page.offset = Math.max(0, page.offset - page.limit); drawRequests(); };
$("forth").onclick = () => { page.offset += page.limit; drawRequests(); };
$("filter").oninput = drawCells;

function drawNow(records) {
  const [status, ...launches] = records, into = $("now");
  if (!status.running) { into.replaceChildren(make("p", "No apply shows a sign of life on these results.")); return; }
  const parts = [make("p", status.holder)];
  for (const l of launches) {
    const div = make("div", undefined, "launch"), p = l.progress;
    div.append(make("p", "[" + l.step + "/" + l.steps + "] " + l.name + " · launch " + l.launch + " · " + l.cell.slice(0, 8)));
    const phase = p ? "measure" : l.phase + (l.part ? " · " + l.part : "");
    const ran = (Date.parse(l.seen) - Date.parse(l.phase_began)) / 1000;
    div.append(make("p", phase + (p ? "" : " " + clock(ran)) + (l.limit_s ? " of " + clock(l.limit_s) : "")));
    if (p) {
      const bar = make("progress");
      bar.max = p.planned; bar.value = p.done;
      bar.setAttribute("aria-label", "requests done");
      div.append(bar);
      let text = num(p.done, 0) + " of " + num(p.planned, 0) + " · " + num(p.tokens_per_s, 0) + " tok/s · " + num(p.in_flight, 0) + " in flight · " + clock(p.elapsed_s) + " elapsed";
      if (p.cell_eta_s != null) text += " · cell " + clock(p.cell_eta_s) + " left";
      if (p.plan_eta_s != null) text += " · plan " + clock(p.plan_eta_s) + " left" + (p.plan_eta_low_s != null ? " (" + clock(p.plan_eta_low_s) + " to " + clock(p.plan_eta_high_s) + ")" : "");
      div.append(make("p", text));
      if (p.failed) div.append(make("p", num(p.failed, 0) + " failed", "warn"));
      if (p.stalled) div.append(make("p", p.stalled, "warn"));
    }
    if (l.log_line) div.append(make("p", l.log_line, "dim"));
    parts.push(div);
  }
  into.replaceChildren(...parts);
}

let ran = null;
const events = new EventSource("/api/events");
events.addEventListener("now", e => {
  const records = JSON.parse(e.data), attempts = records.slice(1).map(l => l.attempt).join();
  drawNow(records);
  if (ran !== null && ran !== attempts) drawTree();
  ran = attempts;
  $("link").textContent = "";
});
events.onerror = () => { $("link").textContent = "connection lost; trying again"; };
drawTree().catch(e => { $("where").textContent = e.message; });
