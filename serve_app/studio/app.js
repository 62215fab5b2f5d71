// The frame: sign-in or a screen, the way from one to another, and the playbar.
import { refreshAccount, session, signIn, signOut } from "./api.js";
import { forgetAll, recover } from "./clips.js";
import { clearDrafts } from "./drafts.js";
import { Announcer, dropAll, finishAll, notify } from "./parts/announce.js";
import { keepFocus } from "./parts/focus.js";
import { Icon } from "./parts/icons.js";
import { Playbar } from "./parts/playbar.js";
import { Changer } from "./pages/changer.js";
import { Credits } from "./pages/credits.js";
import { Effects } from "./pages/effects.js";
import { History } from "./pages/history.js";
import { SignIn } from "./pages/signin.js";
import { Speech } from "./pages/speech.js";
import { System } from "./pages/system.js";
import { Voices } from "./pages/voices.js";
import { stop } from "./player.js";
import { route } from "./router.js";
import { Failure, Title, Wait } from "./parts/maker.js";
import { createStore, html, number, render, useEffect, useRef, useState, useStore } from "./ui.js";

/** A screen that few visits need: fetched when the page is ready, or when it is opened. */
function later(title, load) {
  const store = createStore({ Screen: null, error: null });
  const fetchIt = () => load().then(
    (Screen) => store.set({ Screen, error: null }),
    () => store.set({ error: { message: "This screen could not be loaded. Reload the page to try again." } }),
  );
  function Later() {
    const { Screen, error } = useStore(store);
    useEffect(() => { fetchIt(); }, []);
    if (Screen) return html`<${Screen} />`;
    return html`<${Title}>${title}<//><${Wait} on=${!error}>Loading the screen…<//><${Failure} of=${error} />`;
  }
  Later.fetchIt = fetchIt;
  return Later;
}
const Batches = later("Batches", () => import("./pages/batches.js").then((module) => module.Batches));
const Keys = later("Keys and sessions", () => import("./pages/keys.js").then((module) => module.Keys));

const SCREENS = {
  speech: ["Speech", Speech], changer: ["Voice changer", Changer], effects: ["Sound effects", Effects], history: ["History", History],
  batches: ["Batches", Batches], voices: ["Voices", Voices], credits: ["Credits", Credits], keys: ["Keys", Keys], system: ["System", System],
};
const SHORT = { changer: "Changer", effects: "Effects" };
const FIRST = 4; // screens in the bottom row of a phone; the others are behind More
const THEMES = ["system", "light", "dark"];

const theme = () => localStorage.getItem("bernie-theme") ?? "system";
function setTheme(name) {
  localStorage.setItem("bernie-theme", name);
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}
setTheme(theme());

function Theme() {
  const [name, show] = useState(theme());
  return html`<label class="theme"><span class="sr">Colours</span><select onChange=${(event) => { setTheme(event.target.value); show(event.target.value); }}>
    ${THEMES.map((each) => html`<option value=${each} selected=${each === name}>${{ system: "Auto", light: "Light", dark: "Dark" }[each]}</option>`)}</select></label>`;
}

const Links = ({ names, page, onGo }) => names.map((name) => html`<li key=${name}><a href="#/${name}" aria-current=${name === page ? "page" : undefined} onClick=${onGo}><${Icon} name=${name} /><span>${SHORT[name] ? html`<span class="long">${SCREENS[name][0]}</span><span class="short">${SHORT[name]}</span>` : SCREENS[name][0]}</span></a></li>`);

function Account() {
  const { account } = useStore(session);
  const leave = async () => {
    await finishAll();
    await signOut().then(() => { stop(); clearDrafts(); }, () => notify("The server did not answer; you are still signed in."));
  };
  return html`<div class="account"><p class="email" title=${account?.email}>${account?.email ?? ""}</p><p class="facts">${account ? `${number(account.available)} credits` : ""}</p>
    <div class="row tight"><${Theme} /><button class="quiet" onClick=${leave}>Sign out</button></div></div>`;
}

function Frame() {
  const { page } = useStore(route);
  const menu = useRef(null);
  const names = Object.keys(SCREENS), shown = Object.hasOwn(SCREENS, page) ? page : "speech";
  const Screen = SCREENS[shown][1];
  useEffect(() => {
    refreshAccount().catch(() => {});
    recover();
    return forgetAll;
  }, []);
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("h1")?.focus(); }}>Skip to the content</a>
    <header class="side"><a class="brand" href="#/speech"><img src=${new URL("./icon.svg", import.meta.url).href} alt="" width="28" height="28" />Bernie</a>
      <nav aria-label="Screens"><ul><${Links} names=${names} page=${shown} /></ul></nav><${Account} /></header>
    <nav class="bottom" aria-label="Screens"><ul><${Links} names=${names.slice(0, FIRST)} page=${shown} /><li><button class="quiet" aria-haspopup="dialog" onClick=${() => menu.current.showModal()}><${Icon} name="more" /><span>More</span></button></li></ul></nav>
    <dialog ref=${menu} class="menu" aria-label="More" onClick=${(event) => event.target === menu.current && menu.current.close()}><div><ul><${Links} names=${names.slice(FIRST)} page=${shown} onGo=${() => menu.current.close()} /></ul><${Account} />
      <button class="quiet" onClick=${() => menu.current.close()}>Close</button></div></dialog>
    <main id="main"><${Screen} key=${shown} /></main>`;
}

function App() {
  const { token } = useStore(session);
  useEffect(() => { if (!token) { stop(); dropAll(); } }, [token]);
  return html`${token ? html`<${Frame} />` : html`<${SignIn} />`}<${Playbar} /><${Announcer} />`;
}

async function begin() {
  // The operator's link: its token is taken out of the address before anything else.
  const link = location.hash.match(/^#link=([\w-]+)$/)?.[1];
  if (link) {
    history.replaceState(null, "", `${location.pathname}#/speech`);
    route.set({ page: "speech" });
    await signIn("/api/sign-in/link", { link }).catch((error) => { if (!session.get().token) session.set({ note: error.message }); });
  }
  const root = /** @type {HTMLElement} */ (document.getElementById("app"));
  root.replaceChildren();
  keepFocus();
  render(html`<${App} />`, root);
  performance.mark("studio:ready");
  setTimeout(() => { Batches.fetchIt(); Keys.fetchIt(); }, 1000);
}
begin();
