/* The storefront's script: mounts Amazon's button for a registered checkout and connects its events to the
 * merchant half. Served by `countersign serve` as /countersign.js; works with Amazon's own checkout.js.
 *
 * It never guesses about money. If the answer to a completion is lost, the script asks again with the same
 * Checkout Session, and the merchant half repeats the first outcome. Without an answer there is no outcome.
 * Amounts are passed on as texts. */
(function () {
  'use strict';

  /** How long an event's handler may take: Amazon's page waits ten seconds. */
  const QUOTE_MS = 9000;
  /** How long a completion is asked for again: Amazon's page waits a minute. */
  const COMPLETE_MS = 55000;
  /** How long after its event a completion may be sent: a buyer must not be charged hours after leaving. It equals
   * the default of the merchant half's `deadlines.resend_window`. */
  const SEND_MS = 15 * 60 * 1000;
  /** The merchant half answers a completion within 25 s. */
  const ANSWER_MS = 30000;
  const FIRST_PAUSE_MS = 500;
  const LONGEST_PAUSE_MS = 8000;
  /** A second click within this time counts as part of the first. */
  const DOUBLE_CLICK_MS = 1000;
  /** Amazon's page repeats its question to a reloaded page every second. */
  const ASKED_AGAIN_MS = 2500;
  /** How long to wait for Amazon's script. */
  const SCRIPT_MS = 20000;

  const ADDRESSES = ['shippingAddress', 'billingAddress'];
  /** Every outcome that a completion can have. */
  const OUTCOME = /^(paid|authorized|confirmed|pending|checking|notPaid|canceled)$/;
  /** The outcomes of an order that is paid, or whose payment is secured. */
  const PAID = /^(paid|authorized|confirmed)$/;
  /** The merchant half's error codes for a completion that cannot succeed if it is asked for again. */
  const REFUSAL = /^(InvalidFormat|InvalidValue|InvalidCombination|MissingValue|UnrecognizedField|SessionOfAnotherOrder|TooManyAttempts|OrderCanceled)$/;

  const own = document.currentScript;
  const mounted = new Map();

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const now = () => performance.now();
  /** Whether a completion may still be sent whose event came at this instant. Uses the wall clock, which runs on
   * while a machine sleeps or a tab is closed. False if the clock was set back or the instant is unknown. */
  const isRecent = (at) => Date.now() - at >= 0 && Date.now() - at <= SEND_MS;

  /** The members of an event that the merchant half needs, and no other data of the buyer. */
  function pick(event, members) {
    const picked = {};
    for (const member of members) {
      if (event && event[member] !== undefined) picked[member] = event[member];
    }
    return picked;
  }

  /** The URL of the merchant half: where this script came from, unless the page names another. */
  function home(api) {
    const base = api || (own && own.src && new URL('.', own.src).href);
    if (!base) throw new Error('countersign: options.api must name the merchant half');
    return base.replace(/\/+$/, '');
  }

  /** What a page remembers of a completion across a reload: the session and the time of its event, and once it is
   * over, the message. The buyer's addresses are never stored. Without storage, nothing is remembered. */
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
          // Payment works without storage too.
        }
      },
    };
  }

  /** Makes one request. Rejects if no readable answer comes in time. */
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

  /** Whether the same request may succeed later. */
  const isAway = (status) => status >= 500 || status === 408 || status === 429;

  /** Waits for Amazon's script: the one in the options, or the one that the page loads. */
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
      // If no element of the page names the script yet, it must be there once the page has loaded.
      if (!script && document.readyState === 'complete') look();
      else if (!script) window.addEventListener('load', look);
      setTimeout(look, SCRIPT_MS);
    });
  }

  /** The message before the button, if there is one. */
  function lineOf(container) {
    const line = container.previousElementSibling;
    return line && line.getAttribute('data-countersign') !== null ? line : null;
  }

  /** Shows the buyer a message directly before the button; always as text, never as markup. */
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

  /** Removes the message about an earlier payment, which does not apply to the next one. */
  function unsay(container) {
    const line = lineOf(container);
    if (line) line.remove();
  }

  function Checkout(selector, container, registration, options) {
    const api = home(options.api) + '/browser/' + encodeURIComponent(registration.browserToken);
    const kept = memory(registration.browserToken);
    const completing = new Map();
    let clickedAt = -Infinity;
    /** Whether an outcome is being asked for, or is about to be shown. */
    let isBusy = false;
    /** Whether another order has this place now: what is under way continues, but shows no more messages here. */
    let isRetired = false;
    /** Whether the button is not shown because its order is paid, or may be. */
    let isHidden = false;

    const warn = (what, error) => console.error('countersign: ' + what, error || '');
    /** Calls a function of the page; an exception is only logged. */
    const tell = (name, detail) => {
      if (typeof options[name] !== 'function') return undefined;
      try {
        return options[name](detail);
      } catch (error) {
        warn(name + ' has thrown', error);
        return undefined;
      }
    };

    /** Asks for a quote. Asking again is safe: the last answer counts. */
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

    /** The order's state, or an empty object if it is not known. */
    async function standing(limit) {
      try {
        const { status, body } = await call(api, undefined, limit);
        if (status === 200 && body) return body;
      } catch (error) {
        warn('the request for the state of the order was not answered', error);
      }
      return {};
    }

    /** Asks for the outcome of one Checkout Session until there is one: `refused` if there will be none, `checking`
     * if it is not known when the time is over. A session that the merchant half may already have is sent only
     * once nothing is under way: the first request counts, and this page no longer has all of its data. */
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
              // An answer from a proxy or a gateway says nothing about the order.
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
        // A paid order is paid, by whichever session; any other state may be that of an earlier session.
        const stands = await standing(limit());
        if (PAID.test(stands.state)) {
          return Object.assign({ outcome: stands.state }, stands);
        }
        // An end, or a payment under way, is that of this session or of the session that came before it.
        if (isKnown && /^(pending|canceled)$/.test(stands.state)) {
          return Object.assign({ outcome: stands.state }, stands);
        }
        isSent = !isKnown || /^(registered|notPaid)$/.test(stands.state);
      }
    }

    /** Completes a session once, even if it is asked for several times, and shows the outcome. */
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
      // Amazon's page has asked again meanwhile, with the whole event: that call continues.
      if (isResumed && completing.has(session)) return completing.get(session);
      const isUnpaid = /^(notPaid|canceled|refused)$/.test(result.outcome);
      isBusy = !isUnpaid;
      // If the outcome is not known, the result page finds out. The session stays remembered, and may be asked for again.
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

    /** Leaves the page once the handler's answer is on its way to Amazon's page. */
    function go(url) {
      if (url) setTimeout(() => window.location.assign(url), 0);
    }

    /** Finishes a completion that was begun before the page was reloaded, or shows its outcome. If it was begun too
     * long ago, only asks for the state: the buyer may have reopened the page for any reason. */
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
      // Amazon's page may have asked again meanwhile.
      if (!stands.state || completing.has(session) || isRetired) return;
      const isUnpaid = /^(registered|notPaid|canceled)$/.test(stands.state);
      if (isUnpaid) kept.write(null);
      else if (PAID.test(stands.state)) kept.write({ session, outcome: stands.state, message: stands.message });
      // An order that is paid, or may be, must not be paid again.
      isHidden = !isUnpaid;
      container.hidden = isHidden;
      // For an order without a payment attempt there is nothing to show.
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

    /** Runs in the capture phase, before any handler of the button. */
    function onClick(click) {
      if (!isBusy && now() - clickedAt >= DOUBLE_CLICK_MS) {
        clickedAt = now();
        return;
      }
      click.stopImmediatePropagation();
      click.preventDefault();
    }

    /** If the buyer comes back from the result page, the browser may restore the page in the middle of a completion. */
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
      // Not awaited: Amazon's page may still be open, and repeats to this page what it asked the old one.
      resume();
      const pay = await amazonPay(options.script);
      if (isRetired) throw new Error('countersign: another order was mounted in this place');
      return pay.renderJSButton(selector, Object.assign({}, registration.button, handlers));
    };
  }

  /**
   * Mounts the button of a registered checkout. It replaces the button of another order in the same place.
   *
   * `registration` is the answer that the shop's back end got from `POST /v1/checkouts`, of which `browserToken`,
   * `resultUrl` and `button` are needed. `options`: `script`, the URL of Amazon's script if the page does not load
   * it; `api`, the URL of the merchant half if this script came from elsewhere; `onOutcome(result)`, which returns
   * false to stay on the page; `onCancel(event)`; `onError(event)`. Returns a promise of Amazon's own handle.
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
        // Another order may have been mounted here meanwhile: its button must stay.
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
