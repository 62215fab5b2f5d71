// Batches: a file of lines becomes clips; how far each is, its results, and cancelling it.
import { call, listServices, newKey, refreshAccount, send, sentence, session } from "../api.js";
import { notify, say } from "../parts/announce.js";
import { Choice, Submit, Text } from "../parts/fields.js";
import { Icon } from "../parts/icons.js";
import { Failure, Loading, Title } from "../parts/maker.js";
import { html, length, number, size, useEffect, useLoaded, useRef, useState, useStore, when } from "../ui.js";
import { sendOnce, wasStopped } from "../upload.js";

const KINDS = { jsonl: "application/x-ndjson", ndjson: "application/x-ndjson", csv: "text/csv", gz: "application/gzip" };
const SERVICES = [["speech", "Speech"], ["sound_effects", "Sound effects"], ["conversion", "Voice changer"]];
const FORMATS = [["opus", "Ogg Opus, smallest"], ["mp3", "MP3, small"], ["flac", "FLAC, exact and smaller"], ["wav", "WAV"]];
const STATES = { validating: "Checking the lines", running: "Running", cancelling: "Stopping", finished: "Done", cancelled: "Cancelled", refused: "Refused" };
const POLL_MS = 2_000, HIDDEN_POLL_MS = 30_000;

/** The lines of a file of JSON lines; null for other files. */
async function countLines(file) {
  if (!/\.(jsonl|ndjson)$/i.test(file.name)) return null;
  let lines = 0, last = 10;
  for await (const block of file.stream()) {
    for (let i = 0; i < block.length; i++) if (block[i] === 10) lines++;
    last = block[block.length - 1] ?? last;
  }
  return lines + (last === 10 ? 0 : 1);
}

function NewBatch({ again }) {
  const { account } = useStore(session);
  const { value: services } = useLoaded(listServices);
  const [form, set] = useState({ file: null, lines: null, service: "speech", voice: "af_heart", format: "opus", skip: false, turn: 0 });
  const [state, show] = useState({ busy: "", stop: null, error: null });
  const sent = useRef({ blob: null, key: "" }); // what is sent and the key of the batch, so that a second try makes the same one
  const change = (part) => { sent.current = { blob: "file" in part ? null : sent.current.blob, key: "" }; set((old) => ({ ...old, ...part })); };
  const kind = form.file && KINDS[form.file.name.split(".").pop().toLowerCase()];
  const price = form.lines === null ? null : form.lines * (services?.[0]?.credits ?? 0);
  const short = price !== null && account && account.available < price;
  const reason = !form.file ? "Choose a file." : !kind ? "The file must end in .jsonl, .csv or .gz." : short ? `This costs ${number(price)} credits, and ${number(account.available)} are available.` : "";
  async function choose(event) {
    const file = event.target.files[0] ?? null;
    change({ file, lines: null });
    if (!file) return;
    const lines = await countLines(file).catch(() => null);
    set((old) => (old.file === file ? { ...old, lines } : old));
  }
  async function make(event) {
    event.preventDefault();
    if (reason || state.busy) return;
    const mine = sent.current;
    try {
      mine.blob ??= new Blob([form.file], { type: kind });
      const id = await sendOnce(mine.blob, "the file", ({ text, stop }) => show({ busy: text, stop, error: null }));
      mine.key ||= newKey();
      show({ busy: "Starting…", stop: null, error: null });
      const defaults = { service: form.service, format: form.format, ...(form.voice.trim() ? { voice: form.voice.trim() } : {}) };
      await call("/api/batches", { method: "POST", headers: { "Idempotency-Key": mine.key }, json: { upload: id, title: form.file.name.slice(0, 100), defaults, skip_invalid: form.skip } });
      if (mine === sent.current) change({ file: null, lines: null, turn: form.turn + 1 }); // a second press makes no second batch
      say("The batch was accepted.");
      refreshAccount().catch(() => {});
      show({ busy: "", stop: null, error: null });
      again();
    } catch (error) {
      if (error.status === 422 || error.status === 409) mine.key = "";
      show({ busy: "", stop: null, error: wasStopped(error) ? null : error });
    }
  }
  return html`<form class="card stack" onSubmit=${make}><h2>New batch</h2>
    <div class="field"><label for="manifest">File</label><input id="manifest" key=${form.turn} type="file" accept=".jsonl,.ndjson,.csv,.gz" aria-describedby="manifest-hint" onChange=${choose} />
      <p class="hint" id="manifest-hint">JSON lines or CSV, one clip a line: ${html`<code>{"text": "Hello."}</code>`}. Fields are those of a request; an <code>id</code> names the line.</p></div>
    <${Choice} id="batch-service" label="Service" value=${form.service} options=${SERVICES} onChange=${(service) => change({ service })} />
    ${form.service !== "sound_effects" && html`<${Text} id="batch-voice" label="Voice" value=${form.voice} hint="For lines that name none." maxlength="200" onInput=${(event) => change({ voice: event.target.value })} />`}
    <${Choice} id="batch-format" label="Audio" value=${form.format} options=${FORMATS} onChange=${(format) => change({ format })} />
    <label class="check"><input type="checkbox" checked=${form.skip} onChange=${(event) => change({ skip: event.target.checked })} />Leave out lines that cannot be used</label>
    <${Failure} of=${state.error} />
    <${Submit} off=${state.busy || reason} aria-describedby="batch-note">${state.busy || "Start the batch"}<//>
    ${state.stop && html`<button type="button" class="quiet" onClick=${state.stop}>Stop sending</button>`}
    <p class="hint" id="batch-note">${reason || (form.lines === null ? size(form.file.size) : `${number(form.lines)} lines · ${number(price)} credits`)}</p></form>`;
}

/** Saves what the server tells of the lines as a file. */
async function save(batch, part) {
  const answer = await send(part === "errors" ? `/api/batches/${batch.id}/errors` : `/api/batches/${batch.id}/results`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${(batch.title ?? batch.id).replace(/\.\w+$/, "")}-${part}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function Row({ batch, again }) {
  const { lines } = batch, name = batch.title ?? `Batch ${batch.id.slice(-8)}`;
  const done = lines.total - lines.waiting - lines.pending, over = Boolean(batch.finished_at);
  const failed = (error) => notify(sentence(error));
  const stop = () => call(`/api/batches/${batch.id}`, { method: "DELETE" }).then(() => { notify(`${name} is being stopped. What has begun is still made.`); again(); }, failed);
  const facts = batch.state === "refused" ? [`${number(lines.total)} lines`, "nothing was charged", when(batch.created_at)] : [`${number(done)} of ${number(lines.total)} lines`, lines.failed && `${number(lines.failed)} failed`, lines.cancelled && `${number(lines.cancelled)} cancelled`, batch.audio_seconds > 0 && `${length(batch.audio_seconds)} of audio`, `${number(batch.credits.charged)} credits`, when(batch.created_at)];
  const bad = lines.failed > 0 || batch.state === "refused";
  return html`<li class="line"><div class="body"><p class="title">${name} <span class="badge ${batch.state === "finished" ? "good" : ""}">${STATES[batch.state] ?? batch.state}</span></p>
    <p class="facts">${facts.filter(Boolean).join(" · ")}</p>${batch.error && html`<p class="problem">${batch.error.message}</p>`}
    ${!over && html`<progress class="bar" aria-label="Progress of ${name}" max=${lines.total} value=${batch.state === "validating" ? undefined : done} />`}</div>
    <div class="actions">${bad && html`<button class="quiet" aria-label="Save the failed lines of ${name}" onClick=${() => save(batch, "errors").catch(failed)}>Failures</button>`}
    ${lines.succeeded > 0 && html`<button class="quiet" aria-label="Save the results of ${name}" onClick=${() => save(batch, "results").catch(failed)}><${Icon} name="download" />Results</button>`}
    ${!over && batch.state !== "cancelling" && html`<button class="quiet danger" aria-label="Stop ${name}" onClick=${stop}>Stop</button>`}</div></li>`;
}

export function Batches() {
  const [count, setCount] = useState(20);
  const loaded = useLoaded(() => call(`/api/batches?limit=${count}`), [count]), { value, error, again } = loaded;
  const open = value?.items.some((batch) => !batch.finished_at);
  useEffect(() => {
    if (!open) return undefined;
    const timer = setTimeout(again, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
    return () => clearTimeout(timer);
  }, [value, error]);
  const before = useRef(false);
  useEffect(() => {
    if (before.current && open === false) { say("All batches have ended."); refreshAccount().catch(() => {}); }
    before.current = Boolean(open);
  }, [open]);
  return html`<${Title}>Batches<//><div class="columns"><${NewBatch} again=${again} /><div>
    <p class="hint">Many clips at once, from a file. Clips that somebody waits for go first. Each line that succeeded is in the <a href="#/history">history</a>, too; its audio is linked from the results for an hour.</p>
    <${Loading} loaded=${loaded}>Loading the batches…<//>
    ${value && (value.items.length ? html`<ul class="lines">${value.items.map((batch) => html`<${Row} key=${batch.id} batch=${batch} again=${again} />`)}</ul>` : html`<p class="empty">No batches yet. Choose a file to make the first.</p>`)}
    ${value?.next_cursor && count < 100 && html`<p class="more"><button onClick=${() => setCount(100)}>Show more</button></p>`}</div></div>`;
}
