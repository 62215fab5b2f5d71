// All clips of the account: newest first, filtered by the server, page by page.
import { call, sentence } from "../api.js";
import { forget, keep, known, remove } from "../clips.js";
import { notify } from "../parts/announce.js";
import { ClipCard } from "../parts/clipcard.js";
import { Choice } from "../parts/fields.js";
import { Icon } from "../parts/icons.js";
import { Title, Wait } from "../parts/maker.js";
import { download } from "../player.js";
import { html, number, pause, useEffect, useRef, useState, useStore } from "../ui.js";

const SERVICES = [["", "All services"], ["styletts2", "Speech"], ["seedvc", "Voice changer"], ["make-an-audio", "Sound effects"]];
const STATES = [["", "All states"], ["succeeded", "Ready"], ["pending", "Pending"], ["failed", "Failed"], ["failed,cancelled", "Failed or cancelled"]];
const PAGE = 50;

export function History() {
  const { byId } = useStore(known);
  const [filter, setFilter] = useState({ service: "", state: "", q: "" });
  const [page, show] = useState({ ids: [], next: null, loading: true, error: null });
  const [chosen, choose] = useState(new Set());
  const turn = useRef(0);
  async function load(cursor) {
    const mine = ++turn.current;
    show((old) => ({ ...old, loading: true, error: null }));
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (filter.service) query.set("service", filter.service);
    for (const state of filter.state.split(",").filter(Boolean)) query.append("state", state);
    if (filter.q.trim()) query.set("q", filter.q.trim());
    if (cursor) query.set("cursor", cursor);
    try {
      const { items, next_cursor: next } = await call(`/api/clips?${query}`);
      if (mine !== turn.current) return;
      keep(...items);
      const ids = items.map((clip) => clip.id);
      show((old) => ({ ids: cursor ? [...old.ids, ...ids] : ids, next, loading: false, error: null }));
    } catch (error) {
      if (mine === turn.current) show((old) => ({ ...old, loading: false, error }));
    }
  }
  useEffect(() => {
    const timer = setTimeout(() => load(null), filter.q ? 250 : 0);
    return () => clearTimeout(timer);
  }, [filter]);
  const clips = page.ids.map((id) => byId[id]).filter(Boolean);
  const shown = useRef(clips), cards = useRef(new Map());
  shown.current = clips;
  const list = () => shown.current.filter((clip) => clip.state === "succeeded").map((clip) => clip.id);
  const selected = clips.filter((clip) => chosen.has(clip.id));
  const pick = (id, on) => choose((old) => { const next = new Set(old); if (on) next.add(id); else next.delete(id); return next; });
  /** A card is made anew only where its clip changed: there may be thousands. */
  function card(clip) {
    const on = chosen.has(clip.id), old = cards.current.get(clip.id);
    if (old?.clip === clip && old.on === on) return old.node;
    const node = html`<${ClipCard} key=${clip.id} clip=${clip} list=${list} canConvert=${clip.service !== "make-an-audio"}><label class="pick"><span class="sr">Select</span><input type="checkbox" checked=${on} onChange=${(event) => pick(clip.id, event.target.checked)} /></label><//>`;
    cards.current.set(clip.id, { clip, on, node });
    return node;
  }
  function dropSelected() {
    for (const clip of selected) forget(clip.id);
    choose(new Set());
    const removeAll = async () => { for (const clip of selected) await remove(clip).catch((error) => { keep(clip); notify(sentence(error)); }); };
    notify(`${number(selected.length)} clips deleted.`, { undo: () => keep(...selected), done: removeAll });
  }
  async function saveSelected() {
    for (const clip of selected.filter((each) => each.audio)) {
      await download(clip).catch((error) => notify(sentence(error)));
      await pause(300); // browsers drop downloads that begin together
    }
  }
  const filtered = filter.service || filter.state || filter.q;
  return html`<${Title}>History<//>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <label class="search"><span class="sr">Search the texts</span><${Icon} name="search" /><input type="search" maxlength="200" placeholder="Search the texts" value=${filter.q} onInput=${(event) => setFilter({ ...filter, q: event.target.value })} /></label>
      <${Choice} id="by-service" label="Service" value=${filter.service} options=${SERVICES} onChange=${(service) => setFilter({ ...filter, service })} />
      <${Choice} id="by-state" label="State" value=${filter.state} options=${STATES} onChange=${(state) => setFilter({ ...filter, state })} />
    </form>
    ${selected.length > 0 && html`<div class="selection" role="region" aria-label="Selection"><span>${number(selected.length)} selected</span><button onClick=${saveSelected}>Download</button><button class="danger" onClick=${dropSelected}>Delete</button><button class="quiet" onClick=${() => choose(new Set())}>Clear</button></div>`}
    ${page.error && html`<p class="problem" role="alert">${sentence(page.error)} <button class="link" onClick=${() => load(null)}>Try again</button></p>`}
    ${clips.length > 0 && html`<ul class="clips">${clips.map(card)}</ul>`}
    <${Wait} on=${page.loading && !clips.length}>Loading your clips…<//>
    ${!page.loading && !clips.length && !page.error && html`<p class="empty">${filtered ? "No clip matches. Search for fewer words, or show all services and states." : html`Nothing here yet. Make your first clip under <a href="#/speech">Speech</a>.`}</p>`}
    ${page.next && html`<p class="more"><button aria-disabled=${page.loading ? "true" : undefined} onClick=${() => { if (!page.loading) load(page.next); }}>${page.loading ? "Loading…" : "Show more"}</button></p>`}`;
}
