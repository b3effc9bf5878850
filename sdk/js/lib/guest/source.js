/** Exports of the world `source`, and what only a source may ask: the corpus and the network. */

import { search as searchCorpus } from 'phagen:plugin/corpus';

import { Source } from '../plugin.js';
import { asked, guestHost, serve as served, told } from './index.js';
import { send } from './web.js';

const sourceHost = {
  ...guestHost,
  searchCorpus: (request) => asked(() => searchCorpus({ text: '', limit: 20, ...request })),
  send,
};

export function serve(Plugin, facts) {
  return { lifecycle: served(Plugin, Source, facts, sourceHost), search };
}

const search = {
  search: (query, limit, cursor) => told((plugin) => plugin.search(query, limit, cursor), page),
};

/** With what the contract wants and an author may leave out. */
function page({ candidates, cursor }) {
  return {
    cursor: cursor ?? undefined,
    candidates: candidates.map(({ evidence, signals = [] }) => ({
      signals,
      evidence: { citation: '', passages: [], attributes: [], ...evidence },
    })),
  };
}
