/* The result page's script, as long as the page has no verdict: it asks for the page again and updates it in place,
 * so that a screen reader reads the news and the focus stays where it is. Without scripts, the page reloads itself;
 * in any case it has a link. */
(function () {
  'use strict';

  /** How long to wait for an answer. */
  const ANSWER_MS = 15000;
  /** If the page cannot be loaded, the pauses grow up to this. */
  const LONGEST_S = 60;
  /** The page itself says when to stop, after half an hour. This limit is for a page that cannot be loaded. */
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
      // A page that cannot be loaded says nothing about the order, nor does any page that came instead.
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
