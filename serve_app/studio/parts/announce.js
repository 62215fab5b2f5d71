// What assistive technology is told, and short notices that may be undone.
import { online } from "../api.js";
import { createStore, html, MODIFIER, useStore } from "../ui.js";

const spoken = createStore({ text: "" });
const notices = createStore({ items: /** @type {any[]} */ ([]) });

export const say = (text) => spoken.set({ text });

/**
 * A notice for `seconds`; with `undo` it has a button. `done` runs unless that was pressed.
 * @param {string} text
 * @param {{ undo?: () => void, done?: () => unknown, seconds?: number }} [options]
 */
export function notify(text, { undo, done, seconds = 5 } = {}) {
  const close = () => { clearTimeout(timer); notices.set({ items: notices.get().items.filter((each) => each !== item) }); };
  const finish = () => { close(); return done?.(); };
  const hold = () => clearTimeout(timer), go = () => { hold(); timer = setTimeout(finish, seconds * 1000); };
  let timer = 0;
  go();
  const item = { text, close, finish, hold, go, undo: undo && (() => { close(); undo(); }) };
  notices.set({ items: [...notices.get().items, item] });
  say(text);
}

addEventListener("keydown", (event) => {
  const last = notices.get().items.findLast((item) => item.undo);
  if (!last || event.key !== "z" || !(event.ctrlKey || event.metaKey) || /** @type {Element} */ (event.target).matches("textarea, input:not([type=checkbox], [type=radio], [type=range])")) return;
  event.preventDefault();
  last.undo();
});

/** Does what waits for its notice to end: the page is left, or its session. */
export const finishAll = () => Promise.allSettled(notices.get().items.map((item) => item.finish()));
addEventListener("pagehide", finishAll);

/** Drops what waits: it was begun in a session that is over. */
export const dropAll = () => { for (const item of notices.get().items) item.close(); };

export function Announcer() {
  const { up } = useStore(online);
  const { text } = useStore(spoken);
  const { items } = useStore(notices);
  return html`<div class="sr" role="status" aria-live="polite">${text}</div>
    <div class="notices">${!up && html`<div class="notice" role="alert">You are offline. What you write is kept: try again when the connection is back.</div>`}${items.map((item) => html`<div class="notice" key=${item} onMouseEnter=${item.hold} onMouseLeave=${item.go} onFocusIn=${item.hold} onFocusOut=${item.go}><span>${item.text}</span>
      ${item.undo && html`<button class="quiet" aria-keyshortcuts="Control+Z Meta+Z" onClick=${item.undo}>Undo</button><span class="keys"><kbd>${MODIFIER}</kbd> <kbd>Z</kbd></span>`}</div>`)}</div>`;
}
