// The balance and its ledger.
import { call, refreshAccount, sentence, session } from "../api.js";
import { notify } from "../parts/announce.js";
import { Failure, Title, Wait } from "../parts/maker.js";
import { play } from "../player.js";
import { html, number, useEffect, useState, useStore, when } from "../ui.js";

const REASONS = { sign_up: "Sign-up", clip: "Clip", grant: "Given by the operator" };

const hear = (id) => call(`/api/clips/${id}`).then((clip) => play(clip), (error) => notify(error.code === "clip_not_found" ? "This clip was deleted." : sentence(error)));

export function Credits() {
  const { account } = useStore(session);
  const [page, show] = useState({ items: /** @type {any[]} */ ([]), next: null, loading: true, error: null });
  async function load(cursor) {
    show((old) => ({ ...old, loading: true, error: null }));
    try {
      const { items, next_cursor: next } = await call(`/api/credits?limit=50${cursor ? `&cursor=${cursor}` : ""}`);
      show((old) => ({ items: cursor ? [...old.items, ...items] : items, next, loading: false, error: null }));
    } catch (error) {
      show((old) => ({ ...old, loading: false, error }));
    }
  }
  useEffect(() => { refreshAccount().catch(() => {}); load(null); }, []);
  return html`<${Title}>Credits<//>
    ${account && html`<dl class="figures"><div><dt>Available</dt><dd>${number(account.available)}</dd></div><div><dt>Held</dt><dd>${number(account.held)}</dd></div><div><dt>Balance</dt><dd>${number(account.credits)}</dd></div></dl>`}
    <p class="hint">A pending clip holds its price. Only success takes it; what fails or is cancelled costs nothing.</p>
    <${Failure} of=${page.error} />
    <${Wait} on=${page.loading && !page.items.length}>Loading the ledger…<//>
    ${page.items.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Ledger"><table><thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col" class="right">Credits</th><th scope="col" class="right">Balance</th></tr></thead>
      <tbody>${page.items.map((entry) => html`<tr><td>${when(entry.created_at)}</td><td>${REASONS[entry.reason] ?? entry.reason}${entry.clip_id && html` <button class="link" onClick=${() => hear(entry.clip_id)}><span class="sr">Hear </span><code>${entry.clip_id.slice(-8)}</code></button>`}</td><td class="right">${entry.amount > 0 ? "+" : "−"}${number(Math.abs(entry.amount))}</td><td class="right">${number(entry.balance)}</td></tr>`)}</tbody></table></div>`}
    ${page.next && html`<p class="more"><button aria-disabled=${page.loading ? "true" : undefined} onClick=${() => { if (!page.loading) load(page.next); }}>Show more</button></p>`}`;
}
