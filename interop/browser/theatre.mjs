// The one stage of a process, set up before its first test and taken down after its last.

import { after, before } from 'node:test';

import { Stage } from './stage.mjs';

/** This many buyers at the same time: on two cores, more of them would only wait for each other. */
export const AT_ONCE = { concurrency: 5 };

let set;

export const stage = () => set;

before(async () => {
  set = await Stage.set();
  // The demo's stories take a while, so they play during the first suites. A test that waits for the demo sees its failure.
  set.demo().catch(() => {});
});
after(async () => { await set?.strike(); });
