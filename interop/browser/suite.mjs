// Runs every suite of this folder in one process, with one stage and one browser.

import { readdirSync } from 'node:fs';

const suites = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.mjs')).sort();
for (const suite of suites) await import(`./${suite}`);
