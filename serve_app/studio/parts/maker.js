// What the three screens that make clips share: sending once, playing what was asked for, the price,
// and the newest clips.
import { call, listServices, newKey, sentence, session } from "../api.js";
import { keep, known, submit } from "../clips.js";
import { Problem, Submit } from "./fields.js";
import { Icon } from "./icons.js";
import { dropLive, listen, play, prepareLive } from "../player.js";
import { html, MODIFIER, number, useEffect, useLoaded, useRef, useState, useStore } from "../ui.js";

const wanted = new Set(); // clips to be played when they are ready
known.subscribe(({ byId }) => {
  for (const id of wanted) {
    const clip = byId[id];
    if (clip?.state === "pending") continue;
    wanted.delete(id);
    if (clip?.state === "succeeded") play(clip, 0);
  }
});

export const WAITING = "Asking the server what it can do…";

export const useService = (name) => {
  const { value, error, loading } = useLoaded(listServices);
  return { service: value?.find((each) => each.name === name), error, loading };
};

/**
 * Sends requests of a form. `make(bodies, listenAtOnce)` makes a clip of each body; until it is
 * answered another press does nothing, and a press after a failure sends the same keys again.
 */
export function useMaker(service) {
  const [state, show] = useState({ busy: false, error: null });
  const keys = useRef({ sent: "", list: /** @type {string[]} */ ([]) });
  const underWay = useRef(false);
  async function make(bodies, atOnce) {
    if (underWay.current) return [];
    underWay.current = true;
    const content = JSON.stringify(bodies);
    if (keys.current.sent !== content) keys.current = { sent: content, list: bodies.map(newKey) };
    const { list } = keys.current;
    show({ busy: true, error: null });
    const live = atOnce && bodies[0].format === "wav" ? prepareLive(bodies[0].sample_rate ?? service.sample_rate) : null;
    try {
      const made = [];
      for (const [i, body] of bodies.entries()) {
        const clip = await submit(service.submit, body, list[i]);
        made.push(clip);
        if (i > 0 || !atOnce) continue;
        if (live) listen(clip, live);
        else wanted.add(clip.id);
      }
      keys.current = { sent: "", list: /** @type {string[]} */ ([]) };
      show({ busy: false, error: null });
      return made;
    } catch (error) {
      dropLive(live);
      show({ busy: false, error });
      document.getElementById(error.field)?.focus(); // fields are called as the API calls them
      return [];
    } finally {
      underWay.current = false;
    }
  }
  return { ...state, make, fail: (error) => show({ busy: false, error }) };
}

export const Failure = ({ of: error, id }) => html`<${Problem} id=${id}>${error && sentence(error)}<//>`;

export function MakeButton({ label, busy, sending, price, reason, error, atOnce, onAtOnce }) {
  const { account } = useStore(session);
  const short = account && account.available < price ? `This costs ${number(price)} credits, and ${number(account.available)} are available.` : "";
  const why = reason || short;
  return html`<div class="make"><${Submit} off=${busy || why} aria-describedby="make-note">${busy ? sending?.text || "Sending…" : label}<//>
    ${sending?.stop ? html`<button type="button" class="quiet" onClick=${sending.stop}>Stop sending</button>` : html`<label class="check"><input type="checkbox" checked=${atOnce} onChange=${(event) => onAtOnce(event.target.checked)} />Play at once</label>`}
    <p class="hint ${why === WAITING ? "waiting" : ""}" id="make-note">${why || html`${number(price)} credits of ${account ? number(account.available) : "…"} <span class="keys"> · <kbd>${MODIFIER}</kbd> <kbd>Enter</kbd></span>`}</p>
    <${Failure} id="make-problem" of=${error} /></div>`;
}

/** Submits the form with Ctrl or Cmd and Enter. */
export const onKeys = (run) => (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
};

/** The newest clips of a service, live. */
export function useRecent(service) {
  const { byId } = useStore(known);
  const { error, loading } = useLoaded(async () => keep(...(await call(`/api/clips?service=${service}&limit=8`)).items), [service]);
  const clips = Object.values(byId).filter((clip) => clip.service === service)
    .sort((one, other) => other.created_at.localeCompare(one.created_at) || other.id.localeCompare(one.id)).slice(0, 12);
  return { clips, error, loading };
}

const wide = matchMedia("(min-width: 68.01rem)");

/** The settings of a form: beside it, or in a sheet where the window is narrow. */
export function Settings({ summary, children }) {
  const [beside, show] = useState(wide.matches), sheet = useRef(null);
  useEffect(() => {
    const change = () => show(wide.matches);
    change();
    wide.addEventListener("change", change);
    return () => wide.removeEventListener("change", change);
  }, []);
  if (beside) return html`<div class="settings">${children}</div>`;
  const close = () => sheet.current.close();
  const onEnter = (event) => { if (event.key === "Enter" && event.target.matches("input") && !event.defaultPrevented) { event.preventDefault(); close(); } };
  return html`<div class="folded"><button type="button" aria-haspopup="dialog" onClick=${() => sheet.current.showModal()}><${Icon} name="sliders" /><span>${summary}</span></button>
    <dialog ref=${sheet} class="menu sheet" aria-label="Settings" onKeyDown=${onEnter} onClick=${(event) => event.target === sheet.current && close()}><div class="settings" tabindex="-1" autofocus>${children}
      <button type="button" class="primary" onClick=${close}>Done</button></div></dialog></div>`;
}

export function NotInstalled({ service }) {
  return html`<div class="empty"><p>${service.title} is not installed on this server.</p><p>Whoever runs it installs it with <code>${service.install}</code> and starts it again.</p></div>`;
}

export const useTitle = (title) => {
  const heading = useRef(null);
  useEffect(() => { document.title = `${title} · Bernie`; heading.current?.focus({ preventScroll: true }); scrollTo(0, 0); }, [title]);
  return heading;
};

export function Title({ children, aside }) {
  const heading = useTitle(children);
  return html`<div class="heading"><h1 tabindex="-1" ref=${heading}>${children}</h1>${aside}</div>`;
}

export function Wait({ on, children }) {
  return on ? html`<p class="waiting" role="status">${children}</p>` : null;
}

/** What is shown in place of `loaded`: that it is waited for, or why it did not come. */
export const Loading = ({ loaded, children }) => html`<${Wait} on=${loaded.loading && !loaded.value && !loaded.error}>${children}<//><${Failure} of=${loaded.error} />`;
