/* The result page's script, while the page has no verdict: it looks again, and says in place what has come of
 * it, so that a screen reader tells it and nobody loses their place. Where no scripts run the page loads itself
 * again, and everywhere it has a link. */
(function () {
  'use strict';

  /** How long an answer is waited for. */
  const ANSWER_MS = 15000;
  /** A page that cannot be had is asked for less and less. */
  const LONGEST_S = 60;
  /** The page itself says when to stop, after half an hour. One that cannot be had says nothing. */
  const STOPS_MS = 35 * 60 * 1000;

  const status = document.querySelector('[role=status]');
  let seconds = Number(status.dataset.again);
  let timer = 0;
  let isLooking = false;

  async function page() {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), ANSWER_MS);
    try {
      const answer = await fetch(location.href, { cache: 'no-store', credentials: 'omit', signal: abort.signal });
      if (!answer.ok) throw new Error('status ' + answer.status);
      return new DOMParser().parseFromString(await answer.text(), 'text/html');
    } finally {
      clearTimeout(limit);
    }
  }

  function show(fresh, found) {
    if (found.textContent === status.textContent && found.className === status.className) return;
    const main = status.parentNode;
    const hadFocus = main.contains(document.activeElement);
    document.documentElement.lang = fresh.documentElement.lang;
    document.title = fresh.title;
    const rest = Array.from(found.parentNode.childNodes).filter((node) => node !== found);
    for (const node of Array.from(main.childNodes)) if (node !== status) node.remove();
    main.append(...rest);
    status.className = found.className;
    status.replaceChildren(...found.childNodes);
    const link = main.querySelector('a');
    if (hadFocus && link) link.focus();
  }

  async function look() {
    if (isLooking || !seconds) return;
    isLooking = true;
    clearTimeout(timer);
    try {
      const fresh = await page();
      const found = fresh.querySelector('[role=status][data-again]');
      if (!found) throw new Error('another page');
      seconds = Number(found.dataset.again);
      show(fresh, found);
    } catch (error) {
      // A page that cannot be had says nothing of the order, and neither does what came in its place.
      seconds = Math.min(seconds * 2, LONGEST_S);
    }
    isLooking = false;
    wait();
  }

  function wait() {
    if (seconds && performance.now() < STOPS_MS) timer = setTimeout(look, seconds * 1000);
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
  window.addEventListener('pageshow', (shown) => { if (shown.persisted) look(); });
  wait();
})();
