// The sandbox's stand-in for Amazon Pay's checkout.js. It draws a plain button, opens the sandbox's page in a
// popup, or over the shop's page, and lets that page ask the shop's event handlers.
(function () {
  'use strict';
  const script = document.currentScript || document.querySelector('script[src*="checkout.js"]');
  const home = new URL(script ? script.src : location.href, document.baseURI).origin;
  const amazon = (window.amazon = window.amazon || {});
  if (amazon.Pay && amazon.Pay.isSandbox) return;

  const HANDLERS = ['onInitCheckout', 'onShippingAddressSelection', 'onDeliveryOptionSelection', 'onCompleteCheckout',
    'onCancel', 'onError', 'onGiftWrapOptionSelection', 'onMerchantManagedPaymentMethodSelection'];
  const WORDS = {
    ledgerCurrency: ['USD', 'EUR', 'GBP', 'JPY'],
    placement: ['Home', 'Product', 'Cart', 'Checkout', 'Other'],
    productType: ['PayAndShip', 'PayOnly'],
    buttonColor: ['Gold', 'LightGray', 'DarkGray'],
    checkoutLanguage: ['en_US', 'en_GB', 'de_DE', 'fr_FR', 'it_IT', 'es_ES', 'ja_JP'],
  };
  const LABELS = {
    en: 'Pay in the Amazon Pay sandbox', de: 'In der Amazon-Pay-Sandbox bezahlen', fr: 'Payer dans le bac à sable Amazon Pay',
    it: 'Paga nella sandbox di Amazon Pay', es: 'Pagar en el entorno de pruebas de Amazon Pay', ja: 'Amazon Pay サンドボックスで支払う',
  };
  const CLOSE = { en: 'Close', de: 'Schließen', fr: 'Fermer', it: 'Chiudi', es: 'Cerrar', ja: '閉じる' };
  const COLORS = { Gold: ['#f5d98b', '#1b1f24'], LightGray: ['#e3e6e9', '#1b1f24'], DarkGray: ['#3c434a', '#ffffff'] };
  const LOOK = 'min-height:2.75rem;padding:.6rem 1rem;font:600 1rem/1.3 system-ui,sans-serif;border:1px solid #1b1f24;border-radius:.4rem;cursor:pointer;';

  // The newest first. After a reload, one of them answers for an earlier window.
  const configurations = [];
  // Every checkout whose window belongs to this page.
  const runs = [];

  function fail(config, message) {
    const text = 'Amazon Pay sandbox: ' + message;
    console.error(text);
    if (config && typeof config.onError === 'function') config.onError({ message });
    return new Error(text);
  }

  function invalid(config, name, why) {
    return fail(config, 'The value provided for [' + name + '] is invalid: ' + why + '.');
  }

  function oneOf(config, name, value, words) {
    if (value !== undefined && !words.includes(value)) throw invalid(config, name, 'it is not one of ' + words.join(', '));
  }

  function check(config, isComplete) {
    if (!config || typeof config !== 'object') throw fail(null, 'The configuration is required.');
    const need = (name, value) => {
      if (value === undefined || value === null || value === '') throw fail(config, 'The parameter [' + name + '] is required.');
    };
    ['merchantId', 'ledgerCurrency', 'placement'].forEach((name) => need(name, config[name]));
    for (const name of Object.keys(WORDS)) oneOf(config, name, config[name], WORDS[name]);
    for (const name of HANDLERS) {
      if (config[name] !== undefined && typeof config[name] !== 'function') throw invalid(config, name, 'it is not a function');
    }
    if (!isComplete) return;
    const session = config.checkoutSessionConfig;
    const signed = config.createCheckoutSessionConfig;
    if (signed) return ['payloadJSON', 'signature'].forEach((name) => need('createCheckoutSessionConfig.' + name, signed[name]));
    need('checkoutSessionConfig', session);
    need('checkoutSessionConfig.storeId', session.storeId);
    need('checkoutSessionConfig.paymentDetails', session.paymentDetails);
    need('checkoutSessionConfig.paymentDetails.paymentIntent', session.paymentDetails.paymentIntent);
    ['onInitCheckout', 'onCompleteCheckout', 'onCancel'].forEach((name) => need(name, config[name]));
  }

  function find(selector) {
    const element = typeof selector === 'string' ? document.querySelector(selector) : selector;
    if (!element) throw fail(null, 'No element matches the selector ' + selector + '.');
    return element;
  }

  // Sends a form with one field into the window of this name.
  function send(config, target, display) {
    const given = HANDLERS.filter((name) => typeof config[name] === 'function');
    const form = document.createElement('form');
    const field = document.createElement('input');
    form.method = 'post';
    form.action = home + '/checkout';
    form.target = target;
    form.hidden = true;
    field.name = 'configuration';
    field.value = JSON.stringify(Object.assign({}, config, { display, handlers: given }));
    form.append(field);
    document.body.append(form);
    form.submit();
    form.remove();
  }

  function start(config) {
    check(config, true);
    if (config.createCheckoutSessionConfig) return send(config, '_self', 'window');
    const going = runs.find((run) => !run.ended && run.config === config);
    if (going && !going.over) return (going.popup || going.frame || going.source).focus();
    if (going) shut(going);
    const name = 'amazonPaySandbox' + Date.now() + Math.random().toString(36).slice(2);
    const popup = window.open('', name, 'popup,width=520,height=760');
    if (!popup || popup.closed) return overlay(config, name);
    watch({ config, source: popup, popup, answers: {} });
    send(config, name, 'popup');
    popup.focus();
  }

  function overlay(config, name) {
    const language = languageOf(config);
    // The veil's top is a bar that hides the shop's page.
    const veil = document.createElement('div');
    const frame = document.createElement('iframe');
    const close = document.createElement('button');
    veil.style.cssText = 'position:fixed;inset:0;z-index:2147483647;background:linear-gradient(#1b1f24 3.75rem,#0009 0);display:flex;flex-flow:column;align-items:center';
    veil.setAttribute('role', 'dialog');
    veil.setAttribute('aria-modal', 'true');
    veil.setAttribute('aria-label', LABELS[language]);
    frame.style.cssText = 'flex:1;width:100%;max-width:40rem;border:0;background:#fff';
    frame.name = name;
    frame.title = LABELS[language];
    close.type = 'button';
    close.textContent = CLOSE[language];
    close.style.cssText = LOOK + 'margin:.5rem;align-self:flex-end;color:#fff;background:0';
    veil.append(close, frame);
    document.body.append(veil);
    const run = { config, source: frame.contentWindow, frame, veil, focus: document.activeElement, answers: {} };
    close.addEventListener('click', () => end(run));
    watch(run);
    send(config, name, 'overlay');
    frame.focus();
  }

  function watch(run) {
    runs.push(run);
    if (!run.popup) return;
    run.timer = setInterval(() => { if (run.popup.closed) end(run); }, 500);
  }

  function shut(run) {
    if (run.popup) run.popup.close();
    end(run);
  }

  // The window is gone. Before the order is placed, that is a cancellation.
  function end(run) {
    if (run.ended) return;
    run.ended = true;
    clearInterval(run.timer);
    if (run.veil) {
      run.veil.remove();
      if (run.focus) run.focus.focus();
    }
    if (!run.placed && !run.told) tell(run, 'onCancel', {});
  }

  function tell(run, name, detail) {
    run.told = true;
    const handler = run.config[name];
    if (typeof handler !== 'function') return;
    try {
      handler(detail);
    } catch (error) {
      console.error(error);
    }
  }

  function post(run, message) {
    run.source.postMessage(Object.assign({ amazonPay: 1, checkout: run.checkout }, message), home);
  }

  // A handler is asked each question once; a copy gets the same answer.
  function ask(run, message) {
    const { id, event: name, detail } = message;
    if (name === 'onCompleteCheckout') run.placed = true;
    post(run, { type: 'heard', id });
    run.answers[id] = run.answers[id] || new Promise((resolve) => {
      const handler = HANDLERS.includes(name) && run.config[name];
      if (typeof handler !== 'function') throw new Error('[' + name + '] is not a function.');
      resolve(handler(detail));
    }).then((answer) => {
      if (!answer || typeof answer !== 'object') throw new Error('[' + name + '] answered nothing.');
      return { type: 'answer', id, answer: JSON.parse(JSON.stringify(answer)) };
    }).catch((error) => {
      console.error('Amazon Pay sandbox: [' + name + '] failed:', error);
      return { type: 'failed', id, message: String((error && error.message) || error) };
    });
    run.answers[id].then((reply) => {
      if (!run.ended) post(run, reply);
      if (run.placed && reply.type === 'answer') run.over = true;
    });
  }

  // A page reloaded during a checkout takes over the window that still asks it.
  function adopt(source, message) {
    const isOurs = source.opener === window || source.parent === window;
    if (!isOurs || source === window) return null;
    const reference = (config) => ((config.checkoutSessionConfig || {}).merchantMetadata || {}).merchantReferenceId;
    const known = configurations.filter((config) => config.checkoutSessionConfig);
    const config = message.reference ? known.find((it) => reference(it) === message.reference) : known[0];
    if (!config) return null;
    const run = { config, source, popup: source.opener === window ? source : null, answers: {} };
    watch(run);
    return run;
  }

  window.addEventListener('message', (event) => {
    const message = event.data;
    if (event.origin !== home || !event.source) return;
    if (!message || message.amazonPay !== 1 || typeof message.checkout !== 'string') return;
    const run = runs.find((it) => it.source === event.source && !it.ended) ||
      (message.checkout ? adopt(event.source, message) : null);
    if (!run || (run.checkout && run.checkout !== message.checkout)) return;
    run.checkout = message.checkout;
    if (message.type === 'ask') ask(run, message);
    if (message.type === 'tell') {
      post(run, { type: 'heard', id: message.id });
      run.over = true;
      if (['onCancel', 'onError'].includes(message.event) && !run.told) tell(run, message.event, message.detail);
    }
    if (message.type === 'close') {
      if (run.placed) run.told = true;
      end(run);
    }
  });

  function languageOf(config) {
    const byCurrency = config.ledgerCurrency === 'JPY' ? 'ja' : 'en';
    return (config.checkoutLanguage || byCurrency).slice(0, 2);
  }

  function render(selector, config) {
    check(config, false);
    const place = find(selector);
    const [paper, ink] = COLORS[config.buttonColor] || COLORS.Gold;
    const button = document.createElement('button');
    const clicked = [];
    button.type = 'button';
    button.lang = languageOf(config);
    button.textContent = LABELS[languageOf(config)];
    button.style.cssText = LOOK + 'width:100%;color:' + ink + ';background:' + paper;
    button.addEventListener('click', () => {
      for (const click of clicked) click();
      // Without a session's configuration, the shop itself calls initCheckout.
      if (config.checkoutSessionConfig || config.createCheckoutSessionConfig || !clicked.length) start(config);
    });
    place.replaceChildren(button);
    configurations.unshift(config);
    return {
      onClick(click) { clicked.push(click); },
      updateButtonInfo(price) { config.estimatedOrderAmount = price; },
      initCheckout(rest) { initCheckout(Object.assign({}, config, rest)); },
    };
  }

  function initCheckout(config) {
    configurations.unshift(config);
    start(config);
  }

  amazon.Pay = {
    isSandbox: true,
    renderJSButton: render,
    renderButton(selector, config) {
      if (config && config.createCheckoutSessionConfig) check(config, true);
      return render(selector, config);
    },
    initCheckout,
    bindUpdateCheckoutAction(selector, options) {
      for (const name of ['amazonCheckoutSessionId', 'changeAction']) {
        if (!options || !options[name]) throw fail(null, 'The parameter [' + name + '] is required.');
      }
      oneOf(null, 'changeAction', options.changeAction, ['changeAddress', 'changePayment']);
      find(selector).addEventListener('click', (event) => {
        event.preventDefault();
        send(options, '_self', 'window');
      });
    },
    // No buyer is kept signed in: each checkout asks who buys.
    signout() {
      runs.forEach(shut);
    },
  };
})();
