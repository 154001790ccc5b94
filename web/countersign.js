/* The storefront's script: mounts Amazon's button for a registered checkout and wires its events to the
 * merchant half. Served by `countersign serve` as /countersign.js; works with Amazon's own checkout.js.
 *
 * It never concludes anything about money. A completion whose answer is lost is asked for again, with the
 * same Checkout Session, which the merchant half answers with the first outcome however often it is asked;
 * until there is an answer there is none. Amounts are texts that are passed on. */
(function () {
  'use strict';

  /** How long an event's handler may take: Amazon's page waits ten seconds. */
  const QUOTE_MS = 9000;
  /** For how long a completion is asked for: Amazon's page waits a minute. */
  const COMPLETE_MS = 55000;
  /** For how long after its event a completion is sent: nobody is charged hours after they left. It is what the
   * merchant half's `deadlines.resend_window` is unless it is configured. */
  const SEND_MS = 15 * 60 * 1000;
  /** The merchant half answers a completion within 25 s. */
  const ANSWER_MS = 30000;
  const FIRST_PAUSE_MS = 500;
  const LONGEST_PAUSE_MS = 8000;
  /** A second click so soon after the first is the same click. */
  const DOUBLE_CLICK_MS = 1000;
  /** Amazon's page asks a page that was loaded again what it asked the one before: every second. */
  const ASKED_AGAIN_MS = 2500;
  /** How long Amazon's script is waited for. */
  const SCRIPT_MS = 20000;

  const ADDRESSES = ['shippingAddress', 'billingAddress'];
  /** Every outcome that a completion can have. */
  const OUTCOME = /^(paid|authorized|confirmed|pending|checking|notPaid|canceled)$/;
  /** Those of an order that is paid for, or will be by what is held. */
  const PAID = /^(paid|authorized|confirmed)$/;
  /** The merchant half's own words for a completion that asking again cannot change. */
  const REFUSAL = /^(InvalidFormat|InvalidValue|InvalidCombination|MissingValue|UnrecognizedField|SessionOfAnotherOrder|TooManyAttempts|OrderCanceled)$/;

  const own = document.currentScript;
  const mounted = new Map();

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const now = () => performance.now();
  /** Whether what an event of this instant asks for may be sent. By the wall clock, which goes on while a machine
   * sleeps or a tab is closed; one that was set back, or nothing at all, proves nothing. */
  const isRecent = (at) => Date.now() - at >= 0 && Date.now() - at <= SEND_MS;

  /** Of an event what the merchant half asks for, and nothing else of the buyer's. */
  function pick(event, members) {
    const picked = {};
    for (const member of members) {
      if (event && event[member] !== undefined) picked[member] = event[member];
    }
    return picked;
  }

  /** Where the merchant half is: beside this script, unless the page says otherwise. */
  function home(api) {
    const base = api || (own && own.src && new URL('.', own.src).href);
    if (!base) throw new Error('countersign: options.api must name the merchant half');
    return base.replace(/\/+$/, '');
  }

  /** What a page remembers of a completion across a reload: the session and when its event came, and of what is
   * over the message. The buyer's addresses are kept nowhere. Without storage it remembers nothing. */
  function memory(token) {
    const key = 'countersign:' + token;
    return {
      read() {
        try {
          return JSON.parse(sessionStorage.getItem(key)) || {};
        } catch (error) {
          return {};
        }
      },
      write(kept) {
        try {
          if (kept) sessionStorage.setItem(key, JSON.stringify(kept));
          else sessionStorage.removeItem(key);
        } catch (error) {
          // A browser that keeps nothing still pays.
        }
      },
    };
  }

  /** One request. Rejects when there is no answer that can be read in time. */
  async function call(url, body, limit) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), Math.max(0, limit));
    try {
      const answer = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        signal: abort.signal,
      });
      const text = await answer.text();
      return { status: answer.status, body: text ? JSON.parse(text) : null };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the same question may be answered later. */
  const isAway = (status) => status >= 500 || status === 408 || status === 429;

  /** Waits for Amazon's script: the one of the options, or the one that the page loads. */
  function amazonPay(src) {
    const there = () => window.amazon && window.amazon.Pay;
    if (there()) return Promise.resolve(there());
    const scripts = Array.from(document.scripts);
    let script = src
      ? scripts.find((it) => it.src === new URL(src, document.baseURI).href)
      : scripts.find((it) => /\/checkout\.js([?#]|$)/.test(it.src));
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error('countersign: the script of Amazon Pay is not there'));
      const look = () => (there() ? resolve(there()) : failed());
      if (src && !script) {
        script = document.createElement('script');
        script.src = src;
        script.async = true;
        document.head.appendChild(script);
      }
      if (script) {
        script.addEventListener('load', look);
        script.addEventListener('error', failed);
      }
      // One that no element of the page names yet is there when the page is, or it is not.
      if (!script && document.readyState === 'complete') look();
      else if (!script) window.addEventListener('load', look);
      setTimeout(look, SCRIPT_MS);
    });
  }

  /** What was said right before the button, if anything was. */
  function lineOf(container) {
    const line = container.previousElementSibling;
    return line && line.getAttribute('data-countersign') !== null ? line : null;
  }

  /** Says something to the buyer right before the button; as text, whatever it holds. */
  function say(container, text, link) {
    let line = lineOf(container);
    if (!line) {
      line = document.createElement('p');
      line.setAttribute('data-countersign', '');
      line.setAttribute('role', 'alert');
      line.className = 'countersign-message';
      container.parentNode.insertBefore(line, container);
    }
    line.textContent = link ? '' : text;
    if (link) {
      const anchor = document.createElement('a');
      anchor.href = link;
      anchor.textContent = text;
      line.append(anchor);
    }
  }

  /** What was said of an earlier payment is no word on the next. */
  function unsay(container) {
    const line = lineOf(container);
    if (line) line.remove();
  }

  function Checkout(selector, container, registration, options) {
    const api = home(options.api) + '/browser/' + encodeURIComponent(registration.browserToken);
    const kept = memory(registration.browserToken);
    const completing = new Map();
    let clickedAt = -Infinity;
    /** Whether an outcome is being found out, or is about to be shown. */
    let isBusy = false;
    /** Whether another order has this place now: what is under way goes on, but no longer says anything here. */
    let isRetired = false;
    /** Whether the button is not shown because its order is paid, or may be. */
    let isHidden = false;

    const warn = (what, error) => console.error('countersign: ' + what, error || '');
    /** A function of the page's; what it throws stays there. */
    const tell = (name, detail) => {
      if (typeof options[name] !== 'function') return undefined;
      try {
        return options[name](detail);
      } catch (error) {
        warn(name + ' has thrown', error);
        return undefined;
      }
    };

    /** Asks what the order costs. Asking again is safe: the last answer counts. */
    async function quote(event, detail) {
      const until = now() + QUOTE_MS;
      for (let pause = FIRST_PAUSE_MS; ; pause *= 2) {
        try {
          const { status, body } = await call(api + '/' + event, detail, until - now());
          if (status === 200) return body;
          warn(event + ' was refused', body && body.error);
          if (!isAway(status)) return { status: 'error', reasonCode: 'unknownError' };
        } catch (error) {
          warn(event + ' was not answered', error);
        }
        if (now() + pause >= until) return { status: 'error', reasonCode: 'timeout' };
        await sleep(pause);
      }
    }

    /** How the order stands, or nothing of it. */
    async function standing(limit) {
      try {
        const { status, body } = await call(api, undefined, limit);
        if (status === 200 && body) return body;
      } catch (error) {
        warn('how it stands was not answered', error);
      }
      return {};
    }

    /** Asks for the outcome of one Checkout Session until there is one: `refused` when there will be none,
     * `checking` when the time is over and nobody knows. A session that the merchant half may have already is
     * sent only once nothing is under way: what was sent first counts, and this page no longer has all of it. */
    async function outcome(event, at, isResumed) {
      const until = now() + COMPLETE_MS;
      const limit = () => Math.min(ANSWER_MS, until - now());
      let unknown = { outcome: 'checking', redirectUrl: registration.resultUrl };
      /** Whether the merchant half has this session, or may have it. */
      let isKnown = isResumed;
      let isSent = !isResumed;
      for (let pause = isResumed ? 0 : FIRST_PAUSE_MS; ; pause = Math.min(pause * 2 || FIRST_PAUSE_MS, LONGEST_PAUSE_MS)) {
        if (isResumed && completing.has(event.amazonCheckoutSessionId)) return unknown;
        if (isSent && isRecent(at)) {
          try {
            const { status, body } = await call(api + '/complete', event, limit());
            if (body && body.outcome === 'checking') {
              isKnown = true;
              unknown = body;
            } else if (body && OUTCOME.test(body.outcome)) {
              return body;
            } else {
              // What anything on the way has answered says nothing of the order.
              const error = (body && body.error) || {};
              warn('complete was refused', error);
              if ((status === 400 || status === 409) && REFUSAL.test(error.code)) {
                return { outcome: 'refused', redirectUrl: registration.resultUrl };
              }
            }
          } catch (error) {
            warn('complete was not answered', error);
          }
        }
        if (now() + pause >= until) return unknown;
        await sleep(pause);
        // What is paid is paid, by whichever session; anything else may be an earlier session's.
        const stands = await standing(limit());
        if (PAID.test(stands.state)) {
          return Object.assign({ outcome: stands.state }, stands);
        }
        // What ends an order, or is under way, is this session's own, or that of the one that it came second to.
        if (isKnown && /^(pending|canceled)$/.test(stands.state)) {
          return Object.assign({ outcome: stands.state }, stands);
        }
        isSent = !isKnown || /^(registered|notPaid)$/.test(stands.state);
      }
    }

    /** Completes one session once, however often it is asked for, and shows what came of it. */
    function complete(event) {
      const session = String(event.amazonCheckoutSessionId);
      if (!completing.has(session)) {
        const at = Date.now();
        isBusy = true;
        if (!isRetired) unsay(container);
        kept.write({ session, at });
        completing.set(session, finish(pick(event, ['amazonCheckoutSessionId'].concat(ADDRESSES)), session, at, false));
      }
      return completing.get(session);
    }

    async function finish(event, session, at, isResumed) {
      const result = await outcome(event, at, isResumed);
      // Meanwhile Amazon's page has asked again, with all of the event: that one goes on.
      if (isResumed && completing.has(session)) return completing.get(session);
      const isUnpaid = /^(notPaid|canceled|refused)$/.test(result.outcome);
      isBusy = !isUnpaid;
      // Not known: the result page finds out. What was begun stays remembered, and may be asked for again.
      const isUnknown = result.outcome === 'checking';
      if (isUnknown) completing.delete(session);
      else kept.write(result.message ? { session, outcome: result.outcome, message: result.message } : null);
      if (isUnpaid && result.message && !isRetired) say(container, result.message);
      if (tell('onOutcome', result) !== false) go(result.redirectUrl);
      if (isUnknown) return { status: 'error', reasonCode: 'timeout' };
      if (!isUnpaid) return { status: 'success' };
      const hasChanged = result.reason === 'TermsMismatch' || result.reason === 'AddressDrift';
      return { status: 'error', reasonCode: hasChanged ? 'cartChanged' : 'unknownError' };
    }

    /** Leaves the page, once the handler's answer is on its way to Amazon's. */
    function go(url) {
      if (url) setTimeout(() => window.location.assign(url), 0);
    }

    /** What an earlier life of this page has begun, it finishes; what it has learned, it says. What it began too
     * long ago it only looks at: the buyer may open the page again for any reason. */
    async function resume() {
      const { session, at, outcome: ended, message } = kept.read();
      if (!session) return;
      if (!ended && isRecent(at)) {
        isBusy = true;
        await sleep(ASKED_AGAIN_MS);
        if (!completing.has(session)) await finish({ amazonCheckoutSessionId: session }, session, at, true);
        return;
      }
      if (ended === 'notPaid' || ended === 'canceled') {
        kept.write(null);
        if (message) say(container, message);
        return;
      }
      const stands = await standing(ANSWER_MS);
      // Meanwhile Amazon's page may have asked again after all.
      if (!stands.state || completing.has(session) || isRetired) return;
      const isUnpaid = /^(registered|notPaid|canceled)$/.test(stands.state);
      if (isUnpaid) kept.write(null);
      else if (PAID.test(stands.state)) kept.write({ session, outcome: stands.state, message: stands.message });
      // What is paid, or may be, is not offered to be paid again.
      isHidden = !isUnpaid;
      container.hidden = isHidden;
      // Of an order that nobody has paid yet there is nothing to say.
      if (stands.state !== 'registered') say(container, stands.message, isUnpaid ? null : stands.redirectUrl);
    }

    function post(event, detail) {
      call(api + '/' + event, detail, QUOTE_MS).catch((error) => warn(event + ' was not answered', error));
    }

    const handlers = {
      onInitCheckout: (event) => quote('init', pick(event, ['buyer', 'couponCodes'].concat(ADDRESSES))),
      onShippingAddressSelection: (event) =>
        quote('shipping-address', pick(event, ['shippingAddress', 'couponCodes'])),
      onDeliveryOptionSelection: (event) =>
        quote('delivery-option', pick(event, ['deliveryOptions', 'couponCodes'])),
      onCompleteCheckout: complete,
      onCancel(event) {
        clickedAt = -Infinity;
        post('cancel', {});
        tell('onCancel', event);
      },
      onError(event) {
        clickedAt = -Infinity;
        const message = String((event && event.message) || event || '').slice(0, 255);
        warn('the button reports an error: ' + message);
        post('error', { message });
        tell('onError', event);
      },
    };

    /** Captured before the button hears of it, whoever has drawn it. */
    function onClick(click) {
      if (!isBusy && now() - clickedAt >= DOUBLE_CLICK_MS) {
        clickedAt = now();
        return;
      }
      click.stopImmediatePropagation();
      click.preventDefault();
    }

    /** Back from the result page, the page is as it was left: with everything still under way. */
    function onShown(shown) {
      if (!shown.persisted) return;
      clickedAt = -Infinity;
      isBusy = false;
      completing.clear();
      resume();
    }

    container.addEventListener('click', onClick, true);
    window.addEventListener('pageshow', onShown);

    /** Leaves the place to another order. */
    this.retire = () => {
      isRetired = true;
      container.removeEventListener('click', onClick, true);
      window.removeEventListener('pageshow', onShown);
      unsay(container);
      if (isHidden) container.hidden = false;
    };

    this.render = async () => {
      // Not waited for: Amazon's page may still be there, and asks the new page what it asked the old one.
      resume();
      const pay = await amazonPay(options.script);
      if (isRetired) throw new Error('countersign: another order was mounted in this place');
      return pay.renderJSButton(selector, Object.assign({}, registration.button, handlers));
    };
  }

  /**
   * Mounts the button of a registered checkout, in the place of any other order's that was mounted there before.
   *
   * `registration` is what the shop's back end got from `POST /v1/checkouts`: `browserToken`, `resultUrl` and
   * `button` of it. `options`: `script`, the URL of Amazon's script where the page does not load it; `api`,
   * the merchant half where it is not beside this script; `onOutcome(result)`, which keeps the page by
   * returning false; `onCancel(event)`; `onError(event)`. Gives a promise of Amazon's own handle.
   */
  function mount(selector, registration, options) {
    const given = options || {};
    try {
      const container = document.querySelector(selector);
      if (!container) throw new Error('countersign: there is no element ' + selector);
      for (const member of ['browserToken', 'resultUrl', 'button']) {
        if (!registration || !registration[member]) throw new Error('countersign: the registration has no ' + member);
      }
      const before = mounted.get(container);
      if (before && before.token === registration.browserToken) return before.rendered;
      if (before) before.checkout.retire();
      const checkout = new Checkout(selector, container, registration, given);
      const rendered = checkout.render();
      const current = { token: registration.browserToken, checkout, rendered };
      mounted.set(container, current);
      rendered.catch((error) => {
        // Another order's button is not to be forgotten for it.
        if (mounted.get(container) !== current) return;
        checkout.retire();
        mounted.delete(container);
        console.error(error);
        if (typeof given.onError === 'function') given.onError({ message: error.message });
      });
      return rendered;
    } catch (error) {
      console.error(error);
      return Promise.reject(error);
    }
  }

  window.countersign = Object.freeze({ mount });
})();
