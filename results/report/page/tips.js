// Shows what a chart's point says, to mouse and finger; without this the SVG's own titles do.
(function () {
  var tip = document.getElementById('tip');
  function show(e) {
    var at = e.target.closest ? e.target.closest('[data-tip]') : null;
    if (!at || !at.dataset.tip) { tip.hidden = true; return; }
    tip.textContent = at.dataset.tip;
    tip.hidden = false;
    var box = at.getBoundingClientRect(), w = tip.offsetWidth;
    var left = Math.min(Math.max(box.left + box.width / 2 - w / 2, 4), document.documentElement.clientWidth - w - 4);
    tip.style.left = left + window.scrollX + 'px';
    tip.style.top = box.top + window.scrollY - tip.offsetHeight - 6 + 'px';
  }
  document.addEventListener('mouseover', show);
  document.addEventListener('click', show);
  window.addEventListener('beforeprint', function () { document.querySelectorAll('details').forEach(function (d) { d.open = true; }); });
  function reveal() {
    var at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var d = at && at.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    if (at) at.scrollIntoView();
  }
  window.addEventListener('hashchange', reveal);
  reveal();
})();
