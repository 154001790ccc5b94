// The one stage of a process, set before its first test and struck after its last.

import { after, before } from 'node:test';

import { Stage } from './stage.mjs';

/** So many buyers at once: on two cores more only wait for each other. */
export const AT_ONCE = { concurrency: 4 };

let set;

export const stage = () => set;

before(async () => { set = await Stage.set(); });
after(async () => { await set?.strike(); });
