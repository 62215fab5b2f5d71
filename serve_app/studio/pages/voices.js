// The voices that ship and those of one's own: hear, add, rename, delete.
import { call, listVoices, sentence } from "../api.js";
import { useRecording, writeDraft } from "../drafts.js";
import { notify } from "../parts/announce.js";
import { Segments, Submit, Text } from "../parts/fields.js";
import { Icon } from "../parts/icons.js";
import { Failure, Loading, Title } from "../parts/maker.js";
import { FileSource, Microphone } from "../parts/source.js";
import { aboutOf, hear, nameOf } from "../parts/voicepicker.js";
import { go } from "../router.js";
import { html, length, useEffect, useLoaded, useState } from "../ui.js";
import { sendOnce, wasStopped } from "../upload.js";

const LONGEST = 30, IDLE = { busy: "", stop: null, error: null };

function Row({ voice, again, onDrop }) {
  const [name, setName] = useState(null);
  const [error, setError] = useState("");
  const own = voice.kind === "own", field = `name-${voice.id}`;
  useEffect(() => { if (name !== null) /** @type {HTMLInputElement} */ (document.getElementById(field)).select(); }, [name !== null]);
  async function rename(event) {
    event.preventDefault();
    try {
      await call(`/api/voices/${voice.id}`, { method: "PATCH", json: { name } });
      setName(null);
      setError("");
      again();
    } catch (failure) {
      setError(sentence(failure));
    }
  }
  const close = () => { setName(null); setError(""); };
  const use = () => { writeDraft(own ? "changer" : "speech", { voice: voice.name }); go(own ? "changer" : "speech"); };
  return html`<li class="line"><button class="icon-only" aria-label="Hear ${nameOf(voice)}" onClick=${() => hear(voice)}><${Icon} name="play" /></button>
    ${name === null ? html`<div class="body"><p class="title">${nameOf(voice)}</p><p class="facts">${aboutOf(voice)}${own ? ` · ${length(voice.seconds)}` : ` · ${[voice.name, ...voice.aliases].join(", ")}`}</p></div>
      <div class="actions"><button class="quiet" onClick=${use} aria-label="Use ${nameOf(voice)}">Use</button>${own && html`<button class="quiet" onClick=${() => setName(voice.name)} aria-label="Rename ${voice.name}">Rename</button><button class="icon-only" aria-label="Delete ${voice.name}" onClick=${onDrop}><${Icon} name="trash" /></button>`}</div>`
    : html`<form class="body row" onSubmit=${rename} onKeyDown=${(event) => event.key === "Escape" && close()}><${Text} id=${field} label="New name" value=${name} error=${error} maxlength="100" onInput=${(event) => setName(event.target.value)} /><button class="primary">Save</button><button type="button" onClick=${close}>Cancel</button></form>`}</li>`;
}

function AddVoice({ again }) {
  const [source, setSource] = useState("microphone");
  const [recorded, setRecorded] = useRecording("voice");
  const [form, setForm] = useState({ name: "", agreed: false });
  const [state, show] = useState(IDLE);
  const short = recorded && recorded.seconds < 1;
  const reason = !recorded ? "Record or choose 1 to 30 seconds of one person speaking." : short ? "The recording is shorter than a second." : !form.name.trim() ? "Give the voice a name." : !form.agreed ? "Say that you may use the voice." : "";
  async function add(event) {
    event.preventDefault();
    if (reason || state.busy) return;
    try {
      const id = await sendOnce(recorded.blob, "the recording", ({ text, stop }) => show({ busy: text, stop, error: null }));
      show({ ...IDLE, busy: "The server listens to the recording…" });
      const voice = await call("/api/voices", { method: "POST", json: { name: form.name, upload: id } });
      call(`/api/uploads/${id}`, { method: "DELETE" }).catch(() => {});
      setRecorded(null);
      setForm({ name: "", agreed: false });
      show(IDLE);
      notify(`${voice.name} is one of your voices now.`);
      again();
    } catch (error) {
      show({ ...IDLE, error: wasStopped(error) ? null : error });
    }
  }
  const named = state.error?.field === "name";
  return html`<form class="stack card" onSubmit=${add}><h2>Add a voice</h2>
    <${Segments} name="voice-source" label="Where the voice is from" value=${source} options=${[["microphone", "Record"], ["file", "File"]]} onChange=${(next) => { setSource(next); setRecorded(null); }} />
    ${source === "file" ? html`<${FileSource} chosen=${recorded} longest=${LONGEST} onChoose=${setRecorded} />` : html`<${Microphone} chosen=${recorded} longest=${LONGEST} onChoose=${setRecorded} hint="Read a paragraph of anything, in a quiet room, for ten seconds or more." />`}
    <${Text} id="voice-name" label="Name" value=${form.name} maxlength="100" error=${named ? state.error.message : ""} onInput=${(event) => setForm({ ...form, name: event.target.value })} />
    <label class="check"><input type="checkbox" checked=${form.agreed} onChange=${(event) => setForm({ ...form, agreed: event.target.checked })} />I may use this voice: it is mine, or its owner has agreed.</label>
    <${Failure} of=${!named && state.error} />
    <${Submit} off=${reason || state.busy} aria-describedby="add-note">${state.busy || "Add the voice"}<//>${state.stop && html`<button type="button" class="quiet" onClick=${state.stop}>Stop sending</button>`}<p class="hint" id="add-note">${reason}</p></form>`;
}

export function Voices() {
  const voices = useLoaded(listVoices), { value, again } = voices;
  const [dropped, drop] = useState(/** @type {string[]} */ ([])); // while it can be undone
  const own = value?.filter((voice) => voice.kind === "own" && !dropped.includes(voice.id)) ?? [], shipped = value?.filter((voice) => voice.kind === "shipped") ?? [];
  function remove({ id, name }) {
    const back = () => drop((old) => old.filter((each) => each !== id));
    drop([...dropped, id]);
    const done = () => call(`/api/voices/${id}`, { method: "DELETE" }).then(again, (failure) => { back(); notify(sentence(failure)); });
    notify(`${name} is deleted. Clips that were made in it stay.`, { undo: back, done });
  }
  return html`<${Title}>Voices<//>
    <${Loading} loaded=${voices}>Loading the voices…<//>
    <div class="columns"><div><h2>Your voices</h2>${value && (own.length ? html`<ul class="lines">${own.map((voice) => html`<${Row} key=${voice.id} voice=${voice} again=${again} onDrop=${() => remove(voice)} />`)}</ul>` : html`<p class="empty">None yet. Add one from a recording of 1 to 30 seconds, and use it in the voice changer where a large model is installed.</p>`)}</div>
      <${AddVoice} again=${again} />
      <div><h2>Voices that ship</h2><ul class="lines">${shipped.map((voice) => html`<${Row} key=${voice.name} voice=${voice} again=${again} />`)}</ul></div></div>`;
}
