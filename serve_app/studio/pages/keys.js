// API keys and sessions.
import { call, everySessionEnded, sentence } from "../api.js";
import { notify } from "../parts/announce.js";
import { Choice, Submit, Text } from "../parts/fields.js";
import { Icon } from "../parts/icons.js";
import { Failure, Loading, Title } from "../parts/maker.js";
import { html, useLoaded, useState, when } from "../ui.js";

const SCOPES = [["both", "Make and read"], ["read", "Only read: list, look at, download"], ["generate", "Only make, change and delete"]];
const LIVES = [["", "Until it is revoked"], ["604800", "A week"], ["2592000", "30 days"], ["31536000", "A year"]];

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied.");
  } catch {
    notify("The browser did not allow copying here: select the text and copy it.");
  }
}

function NewKey({ again }) {
  const [form, setForm] = useState({ name: "", scope: "both", life: "" });
  const [state, show] = useState({ busy: false, error: null, made: null });
  async function make(event) {
    event.preventDefault();
    if (state.busy || !form.name.trim()) return;
    show({ busy: true, error: null, made: null });
    const json = { name: form.name, ...(form.scope === "both" ? {} : { scopes: [form.scope] }), ...(form.life ? { expires_in_seconds: Number(form.life) } : {}) };
    try {
      show({ busy: false, error: null, made: await call("/api/keys", { method: "POST", json }) });
      setForm({ ...form, name: "" });
      again();
    } catch (error) {
      show({ busy: false, error, made: null });
    }
  }
  const { made, error } = state;
  const line = made && `curl -H "Authorization: Bearer ${made.key}" ${location.origin}/api/me`;
  return html`<form class="card stack" onSubmit=${make}><h2>New key</h2>
    <${Text} id="key-name" label="Name" placeholder="What it is for" value=${form.name} maxlength="100" error=${error?.field === "name" ? error.message : ""} onInput=${(event) => setForm({ ...form, name: event.target.value })} />
    <${Choice} id="scope" label="May" value=${form.scope} options=${SCOPES} onChange=${(scope) => setForm({ ...form, scope })} />
    <${Choice} id="life" label="Valid" value=${form.life} options=${LIVES} onChange=${(life) => setForm({ ...form, life })} />
    <${Failure} of=${error?.field !== "name" && error} />
    <${Submit} off=${state.busy || !form.name.trim()}>Make the key<//>
    ${made && html`<div class="secret" role="status"><p><strong>Copy it now: it is shown this once.</strong></p>
      <div class="row tight"><code>${made.key}</code><button type="button" onClick=${() => copy(made.key)}><${Icon} name="copy" />Copy</button></div>
      <p class="hint">Try it:</p><div class="row tight"><code>${line}</code><button type="button" onClick=${() => copy(line)}><${Icon} name="copy" />Copy</button></div></div>`}</form>`;
}

export function Keys() {
  const keys = useLoaded(async () => (await call("/api/keys")).items);
  const sessions = useLoaded(async () => (await call("/api/sessions")).items);
  const act = (run, then) => run.then(then, (error) => notify(sentence(error)));
  const revoke = (key) => act(call(`/api/keys/${key.id}`, { method: "DELETE" }), () => { notify(`${key.name} is revoked.`); keys.again(); });
  const end = (one) => act(call(`/api/sessions/${one.id}`, { method: "DELETE" }), () => { notify("The session is ended."); sessions.again(); });
  const endAll = () => act(call("/api/sessions", { method: "DELETE" }), everySessionEnded);
  return html`<${Title}>Keys and sessions<//><div class="columns"><${NewKey} again=${keys.again} /><div>
    <h2>API keys</h2><p class="hint">For programs: each is revoked on its own. See the <a href="/openapi.json">description of the API</a>.</p>
    <${Loading} loaded=${keys}>Loading the keys…<//>
    ${keys.value && (keys.value.length ? html`<ul class="lines">${keys.value.map((key) => html`<li class="line" key=${key.id}><div class="body"><p class="title">${key.name}</p><p class="facts"><code>${key.prefix}…</code> · ${key.scopes.join(", ")} · ${key.expires_at ? `until ${when(key.expires_at)}` : "no end"} · ${key.last_used_at ? `used ${when(key.last_used_at)}` : "never used"}</p></div><button class="quiet danger" aria-label="Revoke ${key.name}" onClick=${() => revoke(key)}>Revoke</button></li>`)}</ul>` : html`<p class="empty">No keys yet. Make one to use Bernie from a program.</p>`)}
    <h2>Sessions</h2><${Loading} loaded=${sessions}>Loading the sessions…<//>
    ${sessions.value && html`<ul class="lines">${sessions.value.map((one) => html`<li class="line" key=${one.id}><div class="body"><p class="title">${one.client === "studio" ? "Studio" : "API"}${one.current ? html` <span class="badge">this one</span>` : ""}</p><p class="facts">since ${when(one.created_at)} · until ${when(one.expires_at)}</p></div>${!one.current && html`<button class="quiet" aria-label="End the session of ${when(one.created_at)}" onClick=${() => end(one)}>End</button>`}</li>`)}</ul>
      <p><button class="danger" onClick=${endAll}>Sign out everywhere</button></p>`}</div></div>`;
}
