document.querySelectorAll('button[data-copy]').forEach(b => b.addEventListener('click', () => {
  const text = document.getElementById(b.dataset.copy).innerText;
  const done = () => { b.textContent = 'Copied'; setTimeout(() => { b.textContent = 'Copy'; }, 1500); };
  if (navigator.clipboard && window.isSecureContext) { navigator.clipboard.writeText(text).then(done); return; }
  const area = document.createElement('textarea'); area.value = text; document.body.append(area); area.select();
  document.execCommand('copy'); area.remove(); done();
}));
window.addEventListener('beforeprint', () => document.querySelectorAll('.js-plotly-plot').forEach(
  one => Plotly.relayout(one, {width: 680})));
window.addEventListener('afterprint', () => document.querySelectorAll('.js-plotly-plot').forEach(
  one => Plotly.relayout(one, {width: null, autosize: true})));
