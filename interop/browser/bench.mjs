// How much of a buyer's waiting time both halves cause, in a real browser: from the click to the hosted page, and
// from placing the order to the result page. Without network and rendering: the times between the last byte of each
// request to us and the first byte of its answer, added up, as Chromium measures them.
//
//     COUNTERSIGN_BINARY=… node bench.mjs FILE [PURCHASES]

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { Buyer } from './buyer.mjs';
import { Stage } from './stage.mjs';

const [file, purchases = '60'] = process.argv.slice(2);
const WANTED_MS = 50;
/** The first purchases, which only warm up both halves and the browser. */
const WARM_UP = 5;

/** The waiting times on each way, in milliseconds. */
const ways = { 'click to hosted page': [], 'place order to result page': [] };

async function purchase(stage) {
  const ends = [];
  const order = await stage.order({ intent: 'Authorize' });
  const buyer = await Buyer.arrives({ after: (end) => ends.push(end) }, order);
  let own = 0;
  const ours = (url) => url.startsWith(stage.amazon) || url.startsWith(stage.merchant);
  buyer.context.on('requestfinished', (request) => {
    const { requestStart, responseStart } = request.timing();
    if (ours(request.url()) && responseStart > 0) own += responseStart - requestStart;
  });
  await buyer.begins();
  ways['click to hosted page'].push(own);
  await buyer.signsIn();
  await buyer.consents();
  own = 0;
  await buyer.placesOrder();
  await buyer.arrivesAtResult('order is placed');
  ways['place order to result page'].push(own);
  for (const end of ends) await end();
}

const stage = await Stage.set();
try {
  for (let count = 0; count < Number(purchases) + WARM_UP; count += 1) await purchase(stage);
} finally {
  await stage.strike();
}
const measurements = Object.entries(ways).flatMap(([way, all]) => {
  const sorted = all.slice(WARM_UP).sort((one, other) => one - other);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return [0.5, 0.95].map((share) => ({
    name: `browser.${way.replaceAll(' ', '_')}.p${share * 100}`,
    value: Number(at(share).toFixed(2)),
    unit: 'ms',
    ...(share === 0.95 ? { wanted: `< ${WANTED_MS}` } : {}),
  }));
});
for (const { name, value, unit, wanted = '' } of measurements) {
  console.log(`${name.padEnd(48)} ${String(value).padStart(8)} ${unit}  ${wanted}`);
}
console.log(`${purchases} purchases, one at a time, ${cpus().length} cores, ${cpus()[0].model}`);
writeFileSync(file, JSON.stringify({ purchases: Number(purchases), cores: cpus().length, measurements }, null, 2));
