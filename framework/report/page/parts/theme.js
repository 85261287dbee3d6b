// Light or dark: as the system says, until the reader chooses.
import { put } from '../base/dom.js';
import { get, set } from '../base/state.js';
import { button } from './frame.js';

export class Theme {
  constructor(redraw) {
    this.redraw = redraw;
    this.dark = matchMedia('(prefers-color-scheme: dark)');
    this.knob = button('', () => set({ theme: this.isDark() ? 'light' : 'dark' }));
    this.dark.addEventListener('change', () => this.apply());
    matchMedia('(forced-colors: active)').addEventListener('change', () => this.apply());
    this.apply();
  }

  isDark() {
    const wish = get('theme');
    return wish === 'dark' || (wish !== 'light' && this.dark.matches);
  }

  /** Paper is white whatever the screen is. */
  apply(printing = false) {
    const dark = !printing && this.isDark();
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    put(this.knob, dark ? '☀' : '☾');
    this.knob.setAttribute('aria-label', dark ? 'light colours' : 'dark colours');
    this.knob.title = dark ? 'light colours' : 'dark colours';
    this.redraw();
  }
}
