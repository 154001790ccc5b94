// Takes a screenshot of every page: desktop and phone, light and dark. `node screenshots.mjs FOLDER`.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { PAGES, shown } from './gallery.mjs';
import { Stage } from './stage.mjs';

const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const LANGUAGES = ['de_DE', 'ja_JP'];

const [folder] = process.argv.slice(2);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const jobs = [
  ...Object.keys(PAGES).filter((name) => name !== 'overlay, its page').map((name) => [name, name, {}]),
  ...LANGUAGES.map((language) => [`sign-in, ${language}`, 'sign-in', { language }]),
];

async function picture(stage, [title, name, options]) {
  const leaving = [];
  const { page } = await shown({ after: (leave) => leaving.push(leave) }, stage, name, options);
  for (const [width, viewport] of Object.entries(WIDTHS)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const file = `${title.replace(/\W+/g, '-')}.${width}.${colorScheme}.png`;
      await page.screenshot({ path: join(folder, file), fullPage: name !== 'overlay', animations: 'disabled' });
    }
  }
  for (const leave of leaving) await leave();
}

const stage = await Stage.set();
try {
  const artist = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) await picture(stage, job);
  };
  await Promise.all([artist(), artist(), artist()]);
} finally {
  await stage.strike();
}
