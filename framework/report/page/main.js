// Starts the page: reads the index, builds the frame around the views, opens the first one.
import { readIndex } from './base/blocks.js';
import { el, put } from './base/dom.js';
import { Archive } from './base/model.js';
import { startState } from './base/state.js';
import { Shell } from './parts/shell.js';
import { views } from './views/all.js';

const kFormat = 1;

async function start() {
  const index = await readIndex();
  if (index.page_format !== kFormat) throw new Error(`page: format ${index.page_format} (expected ${kFormat}); make the page anew`);
  startState();
  const archives = await Promise.all(index.archives.map((data) => new Archive(index, data).open()));
  const shell = new Shell({ index, archives, archive: archives[0], views });
  put(document.getElementById('app'), shell.root);
  document.getElementById('static').hidden = true;
  await shell.open();
  // Milliseconds since the browser began to load the page.
  document.documentElement.dataset.readyAfter = Math.round(performance.now());
  document.documentElement.dataset.ready = 'true';
  shell.mountOthers();
}

start().catch((error) => {
  // The page without the script stays as it is: it has the headings, the tables and the pictures.
  document.documentElement.dataset.error = error.message;
  document.getElementById('static').hidden = false;
  put(document.getElementById('app'), el('p.page-failed', { role: 'alert' },
    `The interactive views could not be drawn: ${error.message}. Below is the page without them.`));
});
