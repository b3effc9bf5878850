/** Exports of the world `mapper`. */

import { Mapper } from '../plugin.js';
import { guestHost, serve as served, told } from './index.js';

export function serve(Plugin, facts) {
  return { lifecycle: served(Plugin, Mapper, facts, guestHost), mapping };
}

const mapping = {
  find: (molecule, documents) =>
    told(
      (plugin) => plugin.find(molecule, documents),
      (findings) => findings.map(finding),
    ),
};

function finding({ ground, negated = false, stance = 'neither', score = 1, ...rest }) {
  const tagged =
    typeof ground === 'string' ? { tag: 'basis', val: ground } : { tag: 'span', val: ground };
  return { ...rest, ground: tagged, negated, stance, score };
}
