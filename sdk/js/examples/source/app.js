/** Asks a JSON interface for evidence: `GET {base_url}/search?q=<molecule>`. */

import { Failure, Source, http, log } from 'phagen-sdk';

export default class JsonSource extends Source {
  /** `base_url` is the place to ask, such as `https://api.example.org`. */
  init(context) {
    this.baseUrl = context.require('base_url').replace(/\/+$/, '');
    this.apiKey = context.secret('api_key');
  }

  search(query, limit, cursor) {
    const asked = new URLSearchParams({ q: query.molecule.name, limit: String(limit) });
    if (cursor !== undefined) {
      asked.set('cursor', cursor);
    }
    const headers = { accept: 'application/json' };
    if (this.apiKey !== undefined) {
      headers.authorization = `Bearer ${this.apiKey}`;
    }
    const answer = http.get(`${this.baseUrl}/search?${asked}`, headers);
    const { items, cursor: next } = answer.ok().json() ?? {};
    if (!Array.isArray(items)) {
      throw Failure.unavailable(`\`${this.baseUrl}\` answered no list of \`items\``);
    }
    log.info('asked the source', { status: answer.status, n_items: items.length });
    return { candidates: items.slice(0, limit).map(candidate), cursor: next };
  }
}

/** One of `{"id", "kind", "title", "text", "date", "url"}`. */
function candidate({ id, kind = 'literature', title, citation, text, date, url }, index) {
  if (typeof id !== 'string' || typeof title !== 'string') {
    throw Failure.unavailable(`item ${index + 1} of the answer is not evidence`);
  }
  return {
    evidence: {
      evidenceId: id,
      kind,
      title,
      citation: citation ?? '',
      url: url ?? undefined,
      date: date ?? undefined,
      passages: text ? [{ ordinal: 1, text }] : [],
      attributes: [],
    },
    signals: [{ name: 'source_rank', value: index + 1 }],
  };
}
