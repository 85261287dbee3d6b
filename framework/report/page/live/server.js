// Calls of the server that sent this page. Their addresses are relative, so that they have its token.
import { readMessage } from './message.js';

const kGone = 'The server does not answer. Start lensbench serve again, and open the address that it prints.';

async function call(path, options) {
  try {
    return await fetch(path, { cache: 'no-store', ...options });
  } catch (error) {
    throw new Error(kGone);
  }
}

async function problemOf(response) {
  try {
    return (await response.json()).error;
  } catch (error) {
    return `The server answered with status ${response.status}.`;
  }
}

/** Asks a question `{tool, prompt, parameters}`. Null if it was cancelled; an error with the reason if it failed. */
export async function ask(question) {
  const response = await call('run', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(question) });
  if (!response.ok) throw Object.assign(new Error(await problemOf(response)), { isBusy: response.status === 409 });
  if (response.headers.get('Content-Type') === 'application/json') return null;
  return readMessage(await response.arrayBuffer());
}

/** What the server does now: `{state, tool, done, total, seconds}`. */
export async function progress() {
  return (await call('progress')).json();
}

/** Cancels the question that runs. */
export function cancel() {
  return call('run', { method: 'DELETE' });
}

/** The archive of an answer: `{name, blob}`. */
export async function archiveOf(id) {
  const response = await call(`archive/${id}`);
  if (!response.ok) throw new Error(await problemOf(response));
  const name = /filename="([^"]*)"/.exec(response.headers.get('Content-Disposition'))?.[1];
  return { name, blob: await response.blob() };
}
