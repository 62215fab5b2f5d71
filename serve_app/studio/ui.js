// What every part is made with: markup, state that parts share, and how numbers are written.
import { h, render, Fragment } from "./vendor/preact.js";
import { useEffect, useRef, useState } from "./vendor/hooks.js";
import htm from "./vendor/htm.js";

export const html = htm.bind(h);
export { render, Fragment, useEffect, useRef, useState };

/**
 * A value that parts of the page share: `get`, `set` with what changes, `subscribe`.
 * @template T
 * @param {T} initial
 */
export function createStore(initial) {
  let value = /** @type {import("./vendor/hooks.js").Widen<T>} */ (initial);
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {{ [K in keyof T]?: any }} change */
    set(change) {
      value = { ...value, ...change };
      for (const each of [...listeners]) each(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What `select` takes of a store; only when that changes is the part drawn again. */
export function useStore(store, select = (all) => all) {
  const [value, show] = useState(() => select(store.get()));
  useEffect(() => {
    const look = () => show(select(store.get()));
    look();
    return store.subscribe(look);
  }, [store]);
  return value;
}

/** What `load` resolves to: `{ value, error, loading, again }`. */
export function useLoaded(load, dependencies = []) {
  const [state, show] = useState({ value: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);
  useEffect(() => {
    let current = true, timer = 0;
    show((old) => ({ ...old, loading: true }));
    load().then(
      (value) => current && show({ value, error: null, loading: false }),
      (error) => {
        if (!current) return;
        show((old) => ({ value: old.value, error, loading: false }));
        if (!error.status || error.status >= 500) timer = setTimeout(again, 5000); // a server that is away comes back
      },
    );
    return () => { current = false; clearTimeout(timer); };
  }, [...dependencies, turn]);
  return { ...state, again };
}

/** The key of shortcuts. */
export const MODIFIER = /Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl";

/** Resolves after a time. @returns {Promise<void>} */
export const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

export const number = (value) => value.toLocaleString("en");

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function length(seconds) {
  return seconds < 60 ? `${+seconds.toFixed(1)} s` : `${clock(seconds)} min`;
}

export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const hour = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });

export const timeOfDay = (moment) => hour.format(new Date(moment));

export function when(moment) {
  const at = new Date(moment);
  return at.toDateString() === new Date().toDateString()
    ? `today ${hour.format(at)}` : `${day.format(at)}, ${hour.format(at)}`;
}

/** Text in which `commands` stand between backticks. */
export const marked = (text) => text.split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part));

/** The voice of a clip as the lists call it: `af_heart:0.6+am_michael:0.4` is Heart and Michael. */
export const sayVoice = (voice) => voice.split("+").map((part) => part.split(":")[0].replace(/^[a-z]{2}_([a-z])([a-z]*)$/, (_, first, rest) => first.toUpperCase() + rest)).join(" and ");

export function shorten(text, most = 90) {
  return text.length <= most ? text : `${text.slice(0, most).trimEnd()}…`;
}
