// The one stage of a process, set before its first test and struck after its last.

import { after, before } from 'node:test';

import { Stage } from './stage.mjs';

/** So many buyers at once: on two cores more only wait for each other. */
export const AT_ONCE = { concurrency: 5 };

let set;

export const stage = () => set;

before(async () => {
  set = await Stage.set();
  // Its stories take a while: they play beside the first suites. Whoever waits for it hears of a failure.
  set.demo().catch(() => {});
});
after(async () => { await set?.strike(); });
