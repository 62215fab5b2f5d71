// What the screens share that make clips from a text: its field with a counter, and the clips below the form.
import { ClipList } from "./clipcard.js";
import { Chips } from "./fields.js";
import { useRecent, Wait } from "./maker.js";
import { html, number } from "../ui.js";

/** Characters, as the server counts them: a pair of surrogates is one. */
export const countOf = (text) => text.trim().replace(/[\ud800-\udbff][\udc00-\udfff]/g, "_").length;

/** The field, what belongs below it (`children`: the button), and examples while nothing is written. */
export function Writing({ id, label, rows, text, most, error, placeholder, examples, onChange, children }) {
  // What was pressed is gone afterwards: the focus goes where one goes on.
  const take = (next) => { onChange(next); requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(next ? ".make .primary" : `#${id}`))?.focus()); };
  const letters = countOf(text), bad = letters > most, refused = error?.field === id;
  return html`<div class="field"><label for=${id}>${label}</label>
      <textarea id=${id} rows=${rows} value=${text} placeholder=${placeholder} aria-describedby=${refused ? "count make-problem" : "count"} aria-invalid=${bad || refused ? "true" : undefined} onInput=${(event) => onChange(event.target.value)}></textarea>
      <p class="hint count" id="count"><span>${text && html`<button type="button" class="link" onClick=${() => take("")}>Clear</button>`}</span><span class=${bad ? "bad" : ""}>${number(letters)} / ${number(most)}</span></p></div>
    ${children}
    ${!text && html`<div class="examples"><p class="hint">For example:</p><${Chips} label="Examples" items=${examples} onPick=${take} /></div>`}`;
}

/** The newest clips of a service, with those that were just made. */
export function Newest({ service, empty, canConvert }) {
  const { clips, loading } = useRecent(service);
  return html`<section aria-labelledby="newest"><h2 id="newest">Newest</h2>
    <${Wait} on=${loading && !clips.length}>Loading your clips…<//>
    ${!loading && html`<${ClipList} clips=${clips} empty=${empty} canConvert=${canConvert} />`}</section>`;
}
