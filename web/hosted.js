// The hosted page's only script: it asks the shop's page what the page carries as a question, and hands the
// answer to the server by a form. All else on the page works without it.
(function () {
  'use strict';
  const data = document.body.dataset;
  const framed = window.parent !== window;
  const shop = framed ? window.parent : window.opener;
  let sent = false;

  // Only the origin that began this checkout is spoken to, and only its window is listened to.
  function post(message) {
    if (!shop || !data.origin) return;
    try {
      shop.postMessage(Object.assign({ amazonPay: 1, checkout: data.visit || '', reference: data.reference }, message), data.origin);
    } catch (error) {
      console.error(error);
    }
  }

  function onMessage(take) {
    window.addEventListener('message', (event) => {
      const message = event.data;
      if (event.source !== shop || event.origin !== data.origin) return;
      if (!message || message.amazonPay !== 1 || message.checkout !== (data.visit || '')) return;
      take(message);
    });
  }

  // Says it every second until it has been dealt with: the shop's page may be reloading.
  function repeat(message, limit, gaveUp) {
    const began = Date.now();
    let timer = 0;
    function again() {
      if (Date.now() - began >= limit) return gaveUp();
      post(message);
      timer = setTimeout(again, Math.min(1000, limit));
    }
    again();
    return () => clearTimeout(timer);
  }

  // A window that closes is seen by its opener, which may be on its way to a page of another origin by then. A
  // frame's page has to ask.
  function leave() {
    if (framed) post({ type: 'close' });
    else window.close();
  }

  function ask(question, limit) {
    const form = document.getElementById('answer');
    let stop = () => {};
    function submit(fields) {
      if (sent) return;
      sent = true;
      stop();
      form.elements.id.value = question.id;
      for (const name of Object.keys(fields)) form.elements[name].value = fields[name];
      form.submit();
    }
    if (!shop) {
      return submit({ failure: 'NoAnswer', message: 'The window has no opener: the shop’s page was closed, or its Cross-Origin-Opener-Policy cuts it off.' });
    }
    onMessage((message) => {
      if (message.id !== question.id) return;
      if (message.type === 'answer') submit({ answer: JSON.stringify(message.answer) });
      if (message.type === 'failed') submit({ failure: 'NoAnswer', message: String(message.message) });
    });
    stop = repeat(Object.assign({ type: 'ask' }, question), limit, () => submit({ failure: 'TimedOut' }));
  }

  function tell(news) {
    const done = () => { if ('closes' in data) leave(); };
    if (!shop) return;
    const stop = repeat(Object.assign({ type: 'tell' }, news), 10000, done);
    onMessage((message) => {
      if (message.type === 'heard' && message.id === news.id) { stop(); done(); }
    });
  }

  // What is marked when the order is placed goes with it: the buyer takes it for chosen.
  function mark(form) {
    for (const name of ['address', 'option', 'card', 'wrap', 'message', 'points']) {
      // An answer's form has a message too, which is hidden.
      const entered = Array.from(document.getElementsByName(name)).find((it) => it.type === 'text' || it.checked);
      if (!entered) continue;
      const field = document.createElement('input');
      field.type = 'hidden';
      field.name = name;
      field.value = entered.value;
      form.append(field);
    }
  }
  // A form that is sent twice is sent once.
  document.addEventListener('submit', (event) => {
    if (sent) return event.preventDefault();
    sent = true;
    if (event.target.action.endsWith('/place-order')) mark(event.target);
  });
  // What the browser kept of the page may be long over.
  window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

  for (const button of document.querySelectorAll('[data-leave]')) {
    button.hidden = !shop;
    button.addEventListener('click', leave);
  }
  if (data.error) {
    console.error('Amazon Pay sandbox: ' + data.error);
    tell({ id: 'error', event: 'onError', detail: { message: data.error } });
  }
  if (data.question) ask(JSON.parse(data.question), Number(data.limit) * 1000);
  if (data.tell) tell(JSON.parse(data.tell));
  else if ('closes' in data) leave();
  // Where a frame's page goes on elsewhere it does so in a window of its own, by the link.
  if (data.follow && !framed) location.replace(data.follow);
})();
