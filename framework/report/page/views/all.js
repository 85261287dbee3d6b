// All views in the order of their tabs.
import { attribution } from './attribution.js';
import { lens } from './lens.js';
import { overview } from './overview.js';
import { general, maps } from './picked.js';
import { profile } from './profile.js';
import { receipts } from './receipts.js';
import { statistics } from './statistics.js';
import { tables } from './tables.js';
import { tokens } from './tokens.js';
import { trajectories } from './trajectories.js';

export const views = [overview, lens, trajectories, tokens, attribution, maps, statistics, tables, general, profile, receipts];
