// One process, one stage, one browser for every suite of this folder.

import { readdirSync } from 'node:fs';

const suites = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.mjs')).sort();
for (const suite of suites) await import(`./${suite}`);
