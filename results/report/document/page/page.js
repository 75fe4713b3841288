// What a reader may do with the page: read a chart's points by mouse, finger or arrow keys, ask for a number of requests, sort
// and filter the decision. Without it the SVG's own titles tell the points, and everything else stands as it is.
(function () {
  'use strict';
  var tip = document.getElementById('tip');
  function make(tag, text, into) { var e = document.createElement(tag); if (text) e.textContent = text; if (into) into.appendChild(e); return e; }

  // Tips.
  function tell(at) {
    if (!at || !at.dataset.tip) { tip.hidden = true; return; }
    tip.textContent = at.dataset.tip;
    tip.hidden = false;
    var box = at.getBoundingClientRect(), w = tip.offsetWidth;
    var left = Math.min(Math.max(box.left + box.width / 2 - w / 2, 4), document.documentElement.clientWidth - w - 4);
    tip.style.left = left + window.scrollX + 'px';
    tip.style.top = box.top + window.scrollY - tip.offsetHeight - 6 + 'px';
  }
  function under(e) { tell(e.target.closest ? e.target.closest('[data-tip]') : null); }
  document.addEventListener('mouseover', under);
  document.addEventListener('click', under);
  document.querySelectorAll('.chart').forEach(function (chart) {
    var points = chart.querySelectorAll('[data-tip]'), at = -1;
    chart.addEventListener('keydown', function (e) {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (e.key === 'Escape') tell(null);
      if (!step || !points.length) return;
      e.preventDefault();
      at = (at + step + points.length) % points.length;
      tell(points[at]);
    });
    chart.addEventListener('blur', function () { tell(null); });
  });

  // Printing opens what is folded, a link into a fold opens it.
  window.addEventListener('beforeprint', function () { document.querySelectorAll('details').forEach(function (d) { d.open = true; }); });
  function reveal() {
    var at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var d = at && at.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    var own = at && at.querySelector(':scope > details');
    if (own) own.open = true;
    if (at) at.scrollIntoView();
  }
  window.addEventListener('hashchange', reveal);
  reveal();

  // The box for a number of requests.
  function between(n, values, from) { // by ratio between two points
    var ns = from.n;
    if (n < ns[0] || n > ns[ns.length - 1]) return null;
    for (var i = 1; i < ns.length; i++) if (n <= ns[i]) {
      var a = values[i - 1], b = values[i];
      if (a === null || b === null || a <= 0 || b <= 0) return null;
      return a * Math.pow(b / a, Math.log(n / ns[i - 1]) / Math.log(ns[i] / ns[i - 1]));
    }
    return values[0];
  }
  function three(x) { return Number(x.toPrecision(3)).toLocaleString('en'); }
  function span(s) {
    return s >= 172800 ? (s / 86400).toFixed(1) + ' days' : s >= 7200 ? (s / 3600).toFixed(1) + ' h' : s >= 120 ? three(s / 60) + ' min' : three(s) + ' s';
  }
  document.querySelectorAll('figure[data-curves]').forEach(function (figure) {
    var curves = JSON.parse(figure.dataset.curves), row = make('div'), first = figure.querySelector('.chart');
    row.className = 'ask';
    figure.insertBefore(row, first);
    var label = make('label', 'How many requests? ', row), input = make('input', '', label), charts = figure.querySelectorAll('.chart[data-view]');
    input.type = 'number'; input.min = 1; input.step = 1; input.inputMode = 'numeric';
    if (charts.length > 1) charts.forEach(function (chart) {
      var b = make('button', chart.dataset.view, row);
      b.type = 'button';
      b.setAttribute('aria-pressed', String(chart === first));
      b.addEventListener('click', function () {
        charts.forEach(function (c) { c.style.display = c === chart ? 'block' : 'none'; });
        row.querySelectorAll('button').forEach(function (o) { o.setAttribute('aria-pressed', String(o === b)); });
      });
    });
    var out = make('output', '', row);
    input.addEventListener('input', function () {
      var n = Number(input.value), lines = [];
      curves.forEach(function (c) {
        var t = between(n, c.t, c);
        if (t === null) return;
        var cost = between(n, c.cost, c), j = between(n, c.j, c);
        lines.push([t, c.name + ': ' + (n > c.beyond ? '≈ ' : '') + span(t) + ' (' + span(between(n, c.low, c)) + ' to ' + span(between(n, c.high, c)) + ')' +
          (cost === null ? '' : ', costs ' + three(cost)) + (j === null ? '' : ', ' + three(j / 3.6e6) + ' kWh')]);
      });
      lines.sort(function (a, b) { return a[0] - b[0]; });
      out.textContent = lines.length ? lines.map(function (l) { return l[1]; }).join('\n') : n ? 'Outside of what the curves cover: ' + curves[0].n[0].toLocaleString('en') + ' to ' + curves[0].n[curves[0].n.length - 1].toLocaleString('en') + '.' : '';
    });
  });

  // Sorting and filtering.
  document.querySelectorAll('table.sorts').forEach(function (table) {
    var body = table.tBodies[0], heads = table.tHead.rows[0].cells;
    if (body.rows.length < 2) return;
    Array.prototype.forEach.call(heads, function (head, i) {
      var b = document.createElement('button');
      b.type = 'button';
      while (head.firstChild) b.appendChild(head.firstChild);
      head.appendChild(b);
      b.addEventListener('click', function () {
        var up = head.getAttribute('aria-sort') !== 'ascending';
        Array.prototype.forEach.call(heads, function (h) { h.removeAttribute('aria-sort'); });
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        var key = function (row) { var c = row.cells[i]; return c.dataset.order !== undefined ? Number(c.dataset.order) : c.classList.contains('n') ? Infinity : c.textContent; };
        Array.prototype.slice.call(body.rows).sort(function (a, b) {
          var x = key(a), y = key(b);
          if (x === Infinity || y === Infinity) return x === y ? 0 : x === Infinity ? 1 : -1; // what is missing stays last
          return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
        }).forEach(function (row) { body.appendChild(row); });
      });
    });
    if (body.rows.length < 5) return;
    var row = make('div'), label = make('label', 'Show platforms with ', row), input = make('input', '', label);
    row.className = 'ask';
    input.type = 'search';
    table.closest('.scroll').before(row);
    input.addEventListener('input', function () {
      Array.prototype.forEach.call(body.rows, function (r) { r.hidden = r.cells[0].textContent.toLowerCase().indexOf(input.value.toLowerCase()) < 0; });
    });
  });
})();
