// The hosted page's only script: it sends the question in the page to the shop's page, and passes the answer to the
// server by a form. Everything else on the page works without it.
(function () {
  'use strict';
  const data = document.body.dataset;
  const framed = window.parent !== window;
  const shop = framed ? window.parent : window.opener;
  let sent = false;

  // Messages go only to the origin that began this checkout, and are accepted only from its window.
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

  // Repeats a message every second until it is stopped: the shop's page may be reloading.
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

  // The opener sees that a window closes, even if it is on its way to a page of another origin. A page in a frame
  // must ask to be closed.
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

  // Everything that is marked when the order is placed is sent with it: the buyer considers it chosen.
  function mark(form) {
    for (const name of ['address', 'option', 'card', 'wrap', 'message', 'points']) {
      // The form of an answer has a field `message` too, which is hidden.
      const entered = Array.from(document.getElementsByName(name)).find((it) => it.type === 'text' || it.checked);
      if (!entered) continue;
      const field = document.createElement('input');
      field.type = 'hidden';
      field.name = name;
      field.value = entered.value;
      form.append(field);
    }
  }
  // A form is sent once, even if it is submitted twice.
  document.addEventListener('submit', (event) => {
    if (sent) return event.preventDefault();
    sent = true;
    if (event.target.action.endsWith('/place-order')) mark(event.target);
  });
  // A page that the browser has kept may be out of date.
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
  // A page in a frame does not follow: its link opens the next page in a window of its own.
  if (data.follow && !framed) location.replace(data.follow);
})();
