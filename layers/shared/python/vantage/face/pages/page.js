(d => {
  const id = i => d.getElementById(i), key = 'vantage-theme', theme = d.querySelector('.th');
  try { const kept = localStorage[key]; if (kept) id(kept).checked = true; } catch (e) { /* storage is off */ }
  theme.addEventListener('change', e => { try { localStorage[key] = e.target.id; } catch (x) { /* not kept */ } });
  const watch = id('main').dataset.watch;
  if (!watch) return;
  const open = () => [...d.querySelectorAll('details[open]>summary')].map(s => s.id);
  const place = page => {
    const old = id('main'), fresh = page.getElementById('main'), news = fresh.querySelector('h1').textContent;
    const opened = open(), focus = d.activeElement && d.activeElement.id, said = old.querySelector('h1').textContent;
    old.replaceWith(d.adoptNode(fresh));
    opened.forEach(i => { const s = id(i); if (s) s.parentElement.open = true; });
    if (focus && id(focus) !== d.activeElement) id(focus)?.focus({ preventScroll: true });
    d.title = page.title;
    if (said !== news) id('news').textContent = news;
  };
  let tag = null;
  const faults = { 401: 'You are not signed in any more', 404: 'This page is not there any more' };
  const warn = status => {
    const stale = id('stale'), fault = faults[status] || 'Vantage does not answer';
    if (!stale.hidden && stale.textContent.startsWith(fault)) return;
    stale.textContent = `${fault}. What stands here is not how things are now.`;
    if (status === 401) {
      const link = d.createElement('a');
      link.href = `/login?ended&next=${encodeURIComponent(location.pathname)}`;
      link.textContent = 'Sign in again';
      stale.append(' ', link);
    }
    stale.hidden = false;
  };
  const look = async () => {
    if (d.hidden) return;
    try {
      const told = await fetch(watch, { cache: 'no-store', headers: tag ? { 'If-None-Match': tag } : {} });
      if (!told.ok && told.status !== 304) throw told.status;
      if (told.ok) {
        const page = await fetch(location.href, { cache: 'no-store' });
        if (!page.ok) throw page.status;
        if (page.redirected) throw 401;
        place(new DOMParser().parseFromString(await page.text(), 'text/html'));
        tag = told.headers.get('ETag');
      }
      id('stale').hidden = true;
    } catch (e) {
      warn(e);
    }
  };
  setInterval(look, 30000);
  d.addEventListener('visibilitychange', look);
})(document)
