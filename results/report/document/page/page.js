// What a reader may do with the page: read a chart's points by mouse, finger or arrow keys, ask for a number of requests, sort
// and filter the decision, look into a timeline. Without it the SVG's own titles tell the points, and everything else stands as it is.
(function () {
  'use strict';
  var root = document.documentElement, tip = document.getElementById('tip'), cross = document.getElementById('cross');
  function all(within, what) { return [...within.querySelectorAll(what)]; }
  function make(tag, text, into) { var e = document.createElement(tag); if (text) e.textContent = text; if (into) into.appendChild(e); return e; }
  function on(e, names, run) { names.split(' ').forEach(n => e.addEventListener(n, run)); }
  // A row with a field to type into, before an element.
  function asks(before, text, type) { var row = make('div'), input = make('input', '', make('label', text, row)); row.className = 'ask'; input.type = type; before.before(row); return input; }
  function whole(n) { return Number(n).toLocaleString('en'); }
  function three(x) { return x.toLocaleString('en', { maximumSignificantDigits: 3 }); }

  // Points: the nearest to the mouse, or the next by the arrow keys, with a line through it.
  function place(e, x, y) { e.style.left = x + scrollX + 'px'; e.style.top = y + scrollY + 'px'; }
  function tell(text, x, y, box) {
    tip.hidden = cross.hidden = !text;
    tip.textContent = text;
    if (!text) return;
    place(tip, Math.min(Math.max(x - tip.offsetWidth / 2, 4), root.clientWidth - tip.offsetWidth - 4), Math.max(y - tip.offsetHeight - 8, 0));
    place(cross, x, box.top);
    cross.style.height = box.height + 'px';
  }
  function reads(chart) {
    var points = all(chart, 'svg * > title').map(t => {
      var p = t.parentNode;
      p.dataset.tip = t.textContent;
      t.remove();
      return p;
    }), at = -1;
    function middle(p) { var b = p.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; }
    function show(i) {
      var m = points[at = i] && middle(points[i]);
      if (m) tell(points[i].dataset.tip, ...m, chart.getBoundingClientRect());
    }
    function near(e) {
      // Pixels.
      var best = 60, found = -1;
      points.forEach((p, i) => {
        var m = middle(p), d = p === e.target ? 0 : Math.hypot(m[0] - e.clientX, m[1] - e.clientY);
        if (d < best) { best = d; found = i; }
      });
      if (found < 0) tell(); else show(found);
    }
    on(chart, 'pointermove click', near);
    on(chart, 'pointerleave blur', () => tell());
    on(chart, 'keydown', e => {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (e.key === 'Escape') tell();
      if (!step || !points.length) return;
      e.preventDefault();
      show(at < 0 && step < 0 ? points.length - 1 : (at + step + points.length) % points.length);
    });
  }

  // Timelines, by uPlot, from the same figures as the drawing, which stays for paper.
  function unpack(p) {
    var raw = atob(p.d), out = [];
    for (var k = 0; k + 1 < raw.length; k += 1.5) {
      var v = (raw.charCodeAt(k) << 8 | raw.charCodeAt(k + 1)) >> (k % 1 ? 0 : 4) & 4095;
      out.push(v === 4095 ? null : p.lo + (p.hi - p.lo) * v / 4094);
    }
    return out;
  }
  function color(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }
  function timeline(chart, data) {
    var times = unpack(data.t), at = -1, plots = [], host = make('div', '', chart), last = times.length - 1;
    // Bands may begin before the first sample, and end after the last.
    var from = Math.min(times[0], ...data.bands.map(b => b.from)), to = Math.max(times[last], ...data.bands.map(b => b.to));
    host.className = 'live';
    chart.classList.add('lively');
    function fill(u, paint, shade, from, to, top, height) {
      var x = Math.max(u.valToPos(from, 'x', true), u.bbox.left), right = Math.min(u.valToPos(to, 'x', true), u.bbox.left + u.bbox.width);
      if (right < x) return false;
      u.ctx.save();
      u.ctx.globalAlpha = shade;
      u.ctx.fillStyle = color(paint);
      u.ctx.fillRect(x, top, Math.max(right - x, 2), height);
      u.ctx.restore();
      return right - x;
    }
    function panel(row, i) {
      var foot = i === data.rows.length - 1, head = make('p', row.label, host), said = make('span', '', head), lines = row.lines.map(unpack);
      var axis = { stroke: color('--ink'), grid: { stroke: color('--rule'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
      function names() {
        said.textContent = '';
        if (row.lines.length > 1) for (var l of row.lines) make('b', l.name, said).style.color = color('--c' + l.slot);
      }
      names();
      return new uPlot({
        width: chart.clientWidth || 400, height: (foot ? 104 : 76) + (i ? 0 : 10), legend: { show: false }, padding: [i ? 6 : 16, 8, foot ? 0 : 6, 0],
        cursor: { sync: { key: chart.parentNode.id }, y: false },
        scales: { x: { time: false, range: (u, lo, hi) => lo > times[0] || hi < times[last] ? [lo, hi] : [from, to] }, y: { range: (u, lo, hi) => [0, row.max || hi * 1.05 || 1] } },
        axes: [{ ...axis, show: foot, label: data.x, labelSize: 16, labelFont: axis.font, size: 24 }, { ...axis, size: 50, space: 26 }],
        series: [{}, ...row.lines.map(l => ({ stroke: color('--c' + l.slot), width: 1.6, dash: l.slot ? [7, 3] : [] }))],
        hooks: {
          drawClear: [u => {
            data.bands.forEach(b => {
              var wide = fill(u, '--soft', b.shade, b.from, b.to, u.bbox.top, u.bbox.height);
              if (i || wide < 80) return;
              u.ctx.fillStyle = color('--soft');
              u.ctx.font = 11 * devicePixelRatio + 'px system-ui';
              u.ctx.textAlign = 'center';
              u.ctx.fillText(b.name, Math.max(u.valToPos(b.from, 'x', true), u.bbox.left) + wide / 2, u.bbox.top - 4 * devicePixelRatio);
            });
          }],
          draw: [u => (row.marks || []).forEach(m => m.at.forEach(a => fill(u, m.bad ? '--bad' : '--warn', 1, a[0], a[1], u.bbox.top + u.bbox.height - 5, 5)))],
          setCursor: [u => {
            var k = u.cursor.idx;
            if (k === null || k === undefined) names(); else said.textContent = row.lines.map((l, n) => (row.lines.length > 1 ? l.name + ' ' : '') + (lines[n][k] === null ? 'not seen' : three(lines[n][k]))).join(', ') + ' at ' + three(times[k]) + ' s';
          }]
        }
      }, [times, ...lines], host);
    }
    function draw() {
      plots.forEach(u => u.destroy());
      host.textContent = '';
      plots = data.rows.map(panel);
    }
    draw();
    on(matchMedia('(prefers-color-scheme: dark)'), 'change', draw);
    new ResizeObserver(() => { plots.forEach(u => { if (u.width !== chart.clientWidth) u.setSize({ width: chart.clientWidth, height: u.height }); }); }).observe(chart);
    on(chart, 'keydown', e => {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[e.key] * (e.shiftKey ? 10 : 1);
      if (!step) return;
      e.preventDefault();
      at = Math.min(Math.max(at + step, 0), last);
      plots.forEach(u => u.setCursor({ left: u.valToPos(times[at], 'x'), top: 1 }));
      // For who listens: hidden, it is still read.
      tip.hidden = true;
      tip.textContent = all(host, 'p').map(p => p.textContent).join('; ');
    });
  }
  all(document, '.chart').forEach(chart => {
    var data = chart.parentNode.querySelector('script.live');
    if (data && window.uPlot) timeline(chart, JSON.parse(data.textContent)); else reads(chart);
  });

  // A script folds; printing opens what is folded, a link into a fold opens it.
  function folds(open) { all(document, 'details').forEach(d => { d.open = open; }); }
  folds(false);
  on(window, 'beforeprint', () => folds(true));
  function reveal() {
    var at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var d = at && at.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    var own = at && at.querySelector(':scope > details');
    if (own) own.open = true;
    if (at) at.scrollIntoView();
  }
  on(window, 'hashchange', reveal);
  reveal();

  // The box for a number of requests.
  // By ratio between two points.
  function between(n, values, ns) {
    if (n < ns[0] || n > ns[ns.length - 1]) return null;
    for (var i = 1; i < ns.length; i++) if (n <= ns[i]) {
      var a = values[i - 1], b = values[i];
      return a > 0 && b > 0 ? a * (b / a) ** (Math.log(n / ns[i - 1]) / Math.log(ns[i] / ns[i - 1])) : null;
    }
    return values[0];
  }
  function span(s) {
    return s >= 172800 ? (s / 86400).toFixed(1) + ' days' : s >= 7200 ? (s / 3600).toFixed(1) + ' h' : s >= 120 ? three(s / 60) + ' min' : three(s) + ' s';
  }
  all(document, 'script.curves').forEach(script => {
    var figure = script.parentNode, curves = JSON.parse(script.textContent), first = figure.querySelector('.chart');
    var input = asks(first, 'How many? ', 'number'), row = first.previousSibling, charts = all(figure, '.chart[data-view]');
    input.min = 1;
    if (charts.length > 1) charts.forEach(chart => {
      var b = make('button', chart.dataset.view, row);
      b.setAttribute('aria-pressed', chart === first);
      on(b, 'click', () => {
        charts.forEach(c => { c.style.display = c === chart ? 'block' : 'none'; });
        all(row, 'button').forEach(o => o.setAttribute('aria-pressed', o === b));
      });
    });
    var out = make('output', '', row), cards = all(document, '[data-of="' + figure.id + '"]');
    on(input, 'input', () => {
      var n = Number(input.value), found = [], lines = [], card = cards[cards.length - 1], far = c => Math.abs(Math.log(c.dataset.n / n));
      if (n > 0) cards.forEach(c => { if (far(c) < far(card)) card = c; });
      cards.forEach(c => { c.hidden = c !== card; });
      curves.forEach(c => {
        var at = values => values ? between(n, values, c.n) : null, t = at(c.t);
        if (t !== null) found.push({ t, low: at(c.low), high: at(c.high), cost: at(c.cost), j: at(c.j), of: c });
      });
      found.sort((a, b) => a.t - b.t);
      if (found.length > 1) lines.push('For ' + whole(n) + ': ' + found[0].of.name + ' first, ' + found[1].of.name + ' takes ×' + (found[1].t / found[0].t).toFixed(2) + (!found[1].low || !found[0].high ? '; no interval is known.' : found[1].low < found[0].high ? '; their bands overlap.' : '.'));
      found.forEach(f => {
        lines.push(f.of.name + ': ' + (n < f.of.from || n > f.of.beyond ? '≈ ' : '') + span(f.t) + (f.low === null ? '' : ' (' + span(f.low) + ' to ' + span(f.high) + ')') + (f.cost === null ? '' : ', costs ' + three(f.cost)) + (f.j === null ? '' : ', ' + three(f.j / 3.6e6) + ' kWh'));
      });
      if (lines.length && card && far(card)) lines.push('The verdict is for ' + whole(card.dataset.n) + ', the nearest asked about; matrix report --requests ' + n + ' has another.');
      var ns = curves[0].n;
      out.textContent = lines.length ? lines.join('\n') : n ? 'Outside of what the curves cover: ' + whole(ns[0]) + ' to ' + whole(ns[ns.length - 1]) + '.' : '';
    });
  });

  // Sorting and filtering.
  all(document, 'table.sorts').forEach(table => {
    var body = table.tBodies[0], heads = all(table.tHead, 'th');
    if (body.rows.length < 2) return;
    heads.forEach((head, i) => {
      var b = make('button');
      b.append(...head.childNodes);
      head.append(b);
      on(b, 'click', () => {
        var up = head.getAttribute('aria-sort') !== 'ascending';
        heads.forEach(h => h.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        function key(row) { var c = row.cells[i], at = c.dataset.order; return at ? Number(at) : c.matches('td:not(.words)') ? null : c.textContent; }
        body.append(...all(body, 'tr').sort((a, b) => {
          var x = key(a), y = key(b);
          // What is missing stays last.
          return x === y ? 0 : x === null ? 1 : y === null ? -1 : (x < y ? -1 : 1) * (up ? 1 : -1);
        }));
      });
    });
    if (body.rows.length < 5) return;
    var input = asks(table.closest('.scroll'), 'Show platforms with ', 'search');
    on(input, 'input', () => {
      all(body, 'tr').forEach(r => { r.hidden = !r.cells[0].textContent.toLowerCase().includes(input.value.toLowerCase()); });
    });
  });
})();
