// Operates a report inside of a frame as a reader would, and says what did not hold. Run by TestInABrowser.
'use strict';
const wrong = [], seen = {};
const frame = document.querySelector('iframe');
const hold = (what, yes) => { if (!yes) wrong.push(what); };
const pause = ms => new Promise(done => setTimeout(done, ms));
const shows = (w, e) => !!e && e.checkVisibility();
const press = (w, e, key) => { e.focus(); e.dispatchEvent(new w.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })); };

function box(w, d) {
  const figure = d.querySelector('script.curves').parentNode, input = figure.querySelector('input[type=number]'), out = figure.querySelector('output');
  const ask = n => { input.value = n; input.dispatchEvent(new w.Event('input')); return out.textContent; };
  seen.box = ask(200);
  seen.beyond = ask(150000);
  const cards = () => [...d.querySelectorAll('.card')].filter(c => shows(w, c)).map(c => c.textContent);
  for (const [n, of] of [[5000, '5,000'], [9000, '5,000'], [40000, '50,000'], [200000, '200,000']]) {
    const said = ask(n), [card, ...more] = cards();
    hold('the card for ' + n + ' is ' + card, more.length === 0 && card.startsWith('For ' + of + ' requests'));
    hold('for ' + n + ' the box says ' + said, said.includes('The verdict is for ' + of + ', the nearest') === (n === 9000 || n === 40000));
  }
  ask('');
  hold('without a number the last card stands', cards().length === 1 && cards()[0].startsWith('For 200,000 requests'));
  hold('the box says nothing of what is outside the curves', /Outside/.test(ask(1)));
  const buttons = [...figure.querySelectorAll('.ask button')];
  hold('no button for cost', buttons.some(b => b.textContent === 'cost'));
  for (const b of buttons) {
    b.click();
    const open = [...figure.querySelectorAll('.chart')].filter(c => shows(w, c));
    hold('the view ' + b.textContent, open.length === 1 && open[0].dataset.view === b.textContent && b.getAttribute('aria-pressed') === 'true');
  }
}

function table(w, d) {
  const t = d.querySelector('table.sorts'), names = () => [...t.tBodies[0].rows].filter(r => shows(w, r)).map(r => r.cells[0].querySelector('a').textContent);
  const at = [...t.tHead.rows[0].cells].findIndex(h => /200,000/.test(h.textContent)), head = t.tHead.rows[0].cells[at];
  head.querySelector('button').click();
  seen.up = names();
  hold('aria-sort', head.getAttribute('aria-sort') === 'ascending');
  head.querySelector('button').click();
  seen.down = names();
  const filter = d.querySelector('input[type=search]'), box = filter.getBoundingClientRect(), card = d.querySelector('.card:not([hidden])').getBoundingClientRect();
  hold('the filter lies on the card', box.top >= card.bottom || box.bottom <= card.top || box.left >= card.right || box.right <= card.left);
  filter.value = 'P3';
  filter.dispatchEvent(new w.Event('input'));
  seen.filtered = names();
  filter.value = '';
  filter.dispatchEvent(new w.Event('input'));
}

function charts(w, d) {
  const tip = d.getElementById('tip'), cross = d.getElementById('cross');
  const figures = [...d.querySelectorAll('figure')];
  seen.figures = figures.length;
  for (const f of figures) {
    const chart = [...f.querySelectorAll('.chart')].find(c => shows(w, c));
    if (!chart) continue; // in a fold
    chart.focus();
    hold(f.id + ' is not reached by the keyboard', d.activeElement === chart && chart.getAttribute('aria-label'));
    press(w, chart, 'ArrowRight');
    if (chart.querySelector('.live')) {
      hold(f.id + ': the arrow keys tell nothing', / at -?[\d.,]+ s/.test(tip.textContent));
      hold(f.id + ': the drawing stands beside the canvas', !shows(w, chart.querySelector('svg')) && chart.querySelector('canvas').width > 100);
      const before = tip.textContent;
      press(w, chart, 'ArrowRight');
      hold(f.id + ': the next point is the same', tip.textContent !== before);
      hold(f.id + ': what is told is not there for who listens', w.getComputedStyle(tip).display !== 'none' && tip.getBoundingClientRect().width <= 1);
    } else {
      hold(f.id + ': the arrow keys tell nothing', !tip.hidden && tip.textContent && !cross.hidden);
      press(w, chart, 'Escape');
      const p = chart.querySelector('[data-tip]').getBoundingClientRect();
      chart.dispatchEvent(new w.PointerEvent('pointermove', { clientX: p.left + p.width / 2 + 3, clientY: p.top + p.height / 2 + 3, bubbles: true }));
      hold(f.id + ': the mouse tells nothing', !tip.hidden && !cross.hidden && Math.abs(cross.getBoundingClientRect().left - (p.left + p.width / 2)) < 3);
      chart.dispatchEvent(new w.PointerEvent('pointerleave'));
      hold(f.id + ': the tip stays', tip.hidden && cross.hidden);
    }
  }
}

function structure(w, d) {
  let last = 0;
  for (const h of d.querySelectorAll('h1,h2,h3')) {
    const level = Number(h.tagName[1]);
    hold('a heading is left out before ' + h.textContent, level <= last + 1);
    last = level;
  }
  d.querySelectorAll('input').forEach(i => hold('an input without a label', i.labels.length > 0));
  d.querySelectorAll('th').forEach(h => hold('a head without a scope', h.scope));
}

async function axe(w, where) {
  if (!w.axe) return;
  const found = await w.axe.run(w.document, { resultTypes: ['violations'] });
  seen.axe = (seen.axe || 0) + found.passes.length;
  found.violations.filter(v => ['serious', 'critical'].includes(v.impact)).forEach(v => wrong.push(where + ': axe: ' + v.id + ' ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')));
}

function sideways(d, where) {
  const wide = d.documentElement.clientWidth;
  const out = [...d.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest('.scroll, pre'));
  hold(where + ': the page scrolls sideways, by ' + out.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | '), d.documentElement.scrollWidth <= wide);
}

async function run() {
  const w = frame.contentWindow, d = w.document;
  seen.dark = w.matchMedia('(prefers-color-scheme: dark)').matches;
  const first = [...d.querySelectorAll('section')].find(s => s.classList.contains('folded'));
  seen.screens = first.getBoundingClientRect().top / 900;
  box(w, d);
  table(w, d);
  charts(w, d);
  structure(w, d);
  sideways(d, 'desktop');
  w.location.hash = '#' + d.querySelector('section.folded').id;
  await pause(50);
  hold('a link into a fold does not open it', d.querySelector('section.folded > details').open);
  w.dispatchEvent(new w.Event('beforeprint'));
  hold('printing leaves folds', [...d.querySelectorAll('details')].every(x => x.open));
  await axe(w, 'desktop');
  frame.style.width = '390px';
  await pause(300);
  sideways(d, 'phone');
  hold('a timeline is wider than the phone', [...d.querySelectorAll('.live canvas')].every(c => c.getBoundingClientRect().right <= 391));
  await axe(w, 'phone');
  w.errors.forEach(e => wrong.push('script: ' + e));
}
frame.addEventListener('load', () => run().catch(e => wrong.push('' + e.stack)).then(() => { window.told = { wrong, seen }; }));
