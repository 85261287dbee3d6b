// The polite live region: what a screen reader says after a move.
import { el, put } from '../base/dom.js';

const region = el('div.unseen', { id: 'live', role: 'status', 'aria-live': 'polite' });

export function liveRegion() {
  return region;
}

export function announce(text) {
  if (region.textContent !== text) put(region, text);
}
