// All views in the order of their tabs.
import { attention } from './attention.js';
import { attribution } from './attribution.js';
import { comparison } from './comparison.js';
import { generation } from './generation.js';
import { grades } from './grades.js';
import { graph } from './graph.js';
import { image } from './image.js';
import { lens } from './lens.js';
import { overview } from './overview.js';
import { patching } from './patching.js';
import { general, maps } from './picked.js';
import { profile } from './profile.js';
import { receipts } from './receipts.js';
import { statistics } from './statistics.js';
import { tables } from './tables.js';
import { tokens } from './tokens.js';
import { trajectories } from './trajectories.js';

export const views = [overview, comparison, lens, trajectories, tokens, attribution, generation, attention, patching, image, graph, maps,
  statistics, grades, tables, general, profile, receipts];
