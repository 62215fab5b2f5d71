// A clip: what it is, how it is doing, and what can be done with it.
import { notify } from "./announce.js";
import { Icon } from "./icons.js";
import { factsOf, titleOf } from "./playbar.js";
import { sentence } from "../api.js";
import { forget, keep, remove } from "../clips.js";
import { writeDraft } from "../drafts.js";
import { download, listen, nowPlaying, play, prepareLive, toggle } from "../player.js";
import { go } from "../router.js";
import { html, length, number, shorten, timeOfDay, useState, useStore, when } from "../ui.js";

const PAGES = { styletts2: "speech", seedvc: "changer", "make-an-audio": "effects" };

/** `{ text, share }` of a pending clip: what it waits for, and how far it is. */
export function progressOf({ live, start_at: planned }) {
  const start = live?.start_at ?? planned, later = Date.parse(start) - Date.now() > 1500;
  if (live?.phase === "working") {
    if (!live.segments) return { text: "Working: reading the request" };
    const steps = live.steps ? `, step ${live.step} of ${live.steps}` : "";
    return { text: `Working: part ${live.segment} of ${live.segments}${steps}`, share: (live.segment - 1 + (live.steps ? live.step / live.steps : 0)) / live.segments };
  }
  if (live?.phase === "retrying") return { text: `Another try at ${timeOfDay(start)}: the last one failed` };
  if (live?.phase === "postponed") return { text: "Interrupted, and about to go on" };
  if (later) return { text: `Starts at ${timeOfDay(start)}, because only a few clips of an account start each minute` };
  if (live?.position) return { text: `Queued: ${live.position === 1000 ? "1,000 or more" : number(live.position)} before it` };
  return { text: "Queued: about to start" };
}

function draftOf(clip) {
  const { options } = clip;
  const output = { format: clip.format, rate: clip.sample_rate ? String(clip.sample_rate) : "", seed: String(clip.seed) };
  if (clip.service === "styletts2") return { text: clip.text, voice: clip.voice, speed: options.speed ?? 1, ...output };
  if (clip.service === "make-an-audio") return { prompt: clip.text, duration: options.duration, steps: options.steps, guidance: options.guidance, ...output };
  return { voice: clip.voice, ...options, ...output };
}

/** `list` gives the ids of the clips around it. */
export function ClipCard({ clip, list, children, canConvert = true }) {
  const [more, showMore] = useState(false);
  const current = useStore(nowPlaying, ({ id, playing }) => (id !== clip.id ? "" : playing ? "playing" : "paused"));
  const pending = clip.state === "pending", ready = clip.state === "succeeded";
  const mine = current !== "", playing = current === "playing";
  const title = titleOf(clip), long = title.length > 120;
  const failed = (error) => notify(sentence(error));
  const drop = () => {
    forget(clip.id);
    notify("Clip deleted.", { undo: () => keep(clip), done: () => remove(clip).catch((error) => { keep(clip); failed(error); }) });
  };
  const cancel = () => remove(clip).catch(failed);
  const again = () => { writeDraft(PAGES[clip.service], draftOf(clip)); go(PAGES[clip.service]); notify("The settings are in the form."); };
  const reuse = () => { writeDraft("changer", { source: "clip", clip: clip.id }); go("changer"); };
  const start = () => (mine ? toggle() : play(clip, 0, list()));
  return html`<li class="clip ${mine ? "current" : ""} ${clip.state}">
    ${children}
    ${ready ? html`<button class="icon-only play" aria-label="${playing ? "Pause" : "Play"}: ${shorten(title, 40)}" onClick=${start}><${Icon} name=${playing ? "pause" : "play"} /></button>`
      : html`<span class="play mark ${clip.state}" aria-hidden="true"></span>`}
    <div class="body"><p class="title">${long && !more ? shorten(title, 120) : title} ${long && html`<button class="link" aria-expanded=${more ? "true" : "false"} onClick=${() => showMore(!more)}>${more ? "less" : "all of it"}</button>`}</p>
      <div class="facts-row"><p class="facts">${factsOf(clip)}${ready ? html` · ${length(clip.audio.seconds)} · ${clip.format.toUpperCase()}` : ""} · ${when(clip.created_at)}${clip.state === "cancelled" ? " · cancelled, not charged" : ""}</p>
      ${ready && clip.timings?.stages && html`<${Stages} timings=${clip.timings} />`}</div>
      ${clip.note && html`<p class="hint">${clip.note}</p>`}
      ${pending && html`<${Pending} clip=${clip} mine=${mine} />`}
      ${clip.state === "failed" && html`<p class="problem">${sentence(clip.error)}</p>`}
    </div>
    <div class="actions">
      ${ready && html`<button class="icon-only" aria-label="Download" onClick=${() => download(clip).catch(failed)}><${Icon} name="download" /></button>`}
      ${!pending && html`<button class="icon-only" aria-label="Again: put these settings into the form" onClick=${again}><${Icon} name="again" /></button>`}
      ${ready && canConvert && html`<button class="icon-only" aria-label="Change the voice of this clip" onClick=${reuse}><${Icon} name="changer" /></button>`}
      <button class="icon-only" aria-label=${pending ? "Cancel" : "Delete"} onClick=${pending ? cancel : drop}><${Icon} name=${pending ? "close" : "trash"} /></button>
    </div></li>`;
}

function Stages({ timings }) {
  const spent = [...Object.entries(timings.stages).map(([name, each]) => [name, each.seconds]), ["in all", timings.total_seconds]];
  return html`<details><summary>Time per stage</summary><dl class="stages">${spent.map(([name, seconds]) => html`<div><dt>${name}</dt><dd>${(seconds ?? 0).toFixed(2)} s</dd></div>`)}</dl></details>`;
}

function Pending({ clip, mine }) {
  const { text, share } = progressOf(clip);
  const canListen = clip.format === "wav" && !mine && !clip.live?.seconds;
  return html`<p class="facts">${text}</p>
    <progress class="bar" max="1" value=${share} aria-label="Progress"></progress>
    ${canListen && html`<button class="link" onClick=${() => listen(clip, prepareLive(clip.sample_rate ?? 24000))}>Listen while it is made</button>`}`;
}

/** The newest clips of a service, with those that were just made. */
export function ClipList({ clips, empty, canConvert }) {
  if (!clips.length) return html`<p class="empty">${empty}</p>`;
  const list = () => clips.filter((clip) => clip.state === "succeeded").map((clip) => clip.id);
  return html`<ul class="clips">${clips.map((clip) => html`<${ClipCard} key=${clip.id} clip=${clip} list=${list} canConvert=${canConvert} />`)}</ul>`;
}
