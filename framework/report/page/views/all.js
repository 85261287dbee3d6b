// All views in the order of their tabs.
import { overview } from './overview.js';

export const views = [overview];
