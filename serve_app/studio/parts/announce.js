// What assistive technology is told, and short notices that may be undone.
import { createStore, html, useStore } from "../ui.js";

const spoken = createStore({ text: "" });
const notices = createStore({ items: /** @type {any[]} */ ([]) });

export const say = (text) => spoken.set({ text });

/**
 * A notice for `seconds`; with `undo` it has a button. `done` runs unless that was pressed.
 * @param {string} text
 * @param {{ undo?: () => void, done?: () => void, seconds?: number }} [options]
 */
export function notify(text, { undo, done, seconds = 5 } = {}) {
  const item = { text, undo: /** @type {(() => void) | undefined} */ (undefined) };
  const close = () => notices.set({ items: notices.get().items.filter((each) => each !== item) });
  const timer = setTimeout(() => { close(); done?.(); }, seconds * 1000);
  if (undo) item.undo = () => { clearTimeout(timer); close(); undo(); };
  notices.set({ items: [...notices.get().items, item] });
  say(text);
}

export function Announcer() {
  const { text } = useStore(spoken);
  const { items } = useStore(notices);
  return html`<div class="sr" role="status" aria-live="polite">${text}</div>
    <div class="notices">${items.map((item) => html`<div class="notice" key=${item}><span>${item.text}</span>
      ${item.undo && html`<button class="quiet" onClick=${item.undo}>Undo</button>`}</div>`)}</div>`;
}
