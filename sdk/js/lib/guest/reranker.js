/** Exports of the world `reranker`, of contract 0.1.0 (three calls) and 0.2.0 (one). */

import { Reranker } from '../plugin.js';
import { reranked, rows, scored, scoresOf } from '../reranking.js';
import { guestHost, serve as served, told } from './index.js';

export function serve(Plugin, facts) {
  return { lifecycle: served(Plugin, Reranker, facts, guestHost), reranking };
}

const reranking = {
  featureNames: () => told((plugin) => plugin.featureNames()),
  features: (query, candidates) => told((plugin) => plugin.features(query, candidates), rows),
  score: (query, candidates) => told((plugin) => scored(plugin, query, candidates), scoresOf),
  rerank: (query, candidates) => told((plugin) => scored(plugin, query, candidates), reranked),
};
