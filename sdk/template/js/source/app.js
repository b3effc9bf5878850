/** Finds evidence for a molecule. Replace what it asks, and how it reads the answer. */

import { Source, http } from 'phagen-sdk';

export default class MySource extends Source {
  init(context) {
    // Set by whoever installs the plugin; a missing one is told by its name.
    this.baseUrl = context.require('base_url').replace(/\/+$/, '');
  }

  search(query, limit, cursor) {
    const asked = new URLSearchParams({ q: query.molecule.name, limit: String(limit) });
    // Leaves only where plugin.toml asks for the place and the slot grants it.
    const { items } = http.get(`${this.baseUrl}/search?${asked}`).ok().json();
    // Best first. `cursor` of the page says where the next one begins; none: there is none.
    return { candidates: items.slice(0, limit).map(candidate) };
  }
}

function candidate(item, index) {
  return {
    evidence: {
      evidenceId: item.id, // such as PMID:123 or NCT01907900
      kind: 'literature',
      title: item.title,
      url: item.url,
      date: item.date, // 2019, 2019-03 or 2019-03-07
      passages: [{ ordinal: 1, text: item.text }],
    },
    signals: [{ name: 'source_rank', value: index + 1 }],
  };
}
