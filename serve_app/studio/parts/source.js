// A recording to work with: a file, the microphone, or a clip. What was chosen is heard and checked.
import { Problem } from "./fields.js";
import { Icon } from "./icons.js";
import { Wave } from "./wave.js";
import { playSample } from "../player.js";
import { record, toWav, whyNoMicrophone } from "../record.js";
import { isReadable } from "../upload.js";
import { clock, html, length, size, useEffect, useRef, useState } from "../ui.js";

/** `chosen`: `{ blob, name, seconds, peaks, quiet, loud }`. */
export function FileSource({ chosen, onChoose, longest, mostBytes = 50 * 1024 * 1024 }) {
  const [state, show] = useState({ over: false, reading: "", error: "" });
  const input = useRef(null);
  async function take(file) {
    if (!file) return;
    const told = (part) => show({ over: false, reading: "", error: "", ...part });
    if (file.size > 8 * mostBytes) { told({ error: `This file has ${size(file.size)}, which is too much to read here.` }); return; }
    told({ reading: `Reading ${file.name}…` });
    try {
      const decoded = await toWav(file);
      if (decoded.seconds > longest + 0.05) throw new Error(`This recording lasts ${length(decoded.seconds)}; ${length(longest)} is the most. Shorten it first.`);
      // What the server reads goes as it is; everything else as WAV.
      const blob = isReadable(file.type) ? file : decoded.blob;
      if (blob.size > mostBytes) throw new Error(`This file has ${size(blob.size)}; ${size(mostBytes)} is the most.`);
      onChoose({ ...decoded, blob, name: file.name });
      told({});
    } catch (error) {
      told({ error: error.message });
    }
  }
  return html`<div class="drop ${state.over ? "over" : ""}" onDragOver=${(event) => { event.preventDefault(); if (!state.over) show({ ...state, over: true }); }}
      onDragLeave=${() => show({ ...state, over: false })} onDrop=${(event) => { event.preventDefault(); take(event.dataTransfer.files[0]); }}>
      <input ref=${input} id="file" class="sr" tabindex="-1" aria-hidden="true" type="file" accept="audio/*,video/mp4,video/webm,.wav,.mp3,.flac,.ogg,.opus,.m4a,.webm" onChange=${(event) => { take(event.target.files[0]); event.target.value = ""; }} />
      <p><button type="button" onClick=${() => input.current.click()}>Choose a file</button> or drop one here</p>
      <p class="hint">WAV, MP3, FLAC, Ogg, M4A or WebM, up to ${length(longest)}</p>
      ${state.reading && html`<p class="waiting" role="status">${state.reading}</p>`}
      <${Problem}>${state.error}<//></div>
    <${Chosen} chosen=${chosen} onRemove=${() => onChoose(null)} />`;
}

const SILENT = { level: 0, seconds: 0, on: false, error: "", reading: false };

export function Microphone({ chosen, onChoose, longest, hint }) {
  const [state, show] = useState(SILENT);
  const stop = useRef(null);
  useEffect(() => () => { stop.current?.(); }, []);
  const why = whyNoMicrophone();
  if (why) return html`<p class="empty">${why}</p>`;
  async function start() {
    show({ ...SILENT, on: true });
    try {
      stop.current = await record(longest, (level, seconds) => show((old) => ({ ...old, level, seconds })), async (blob) => {
        stop.current = null;
        show({ ...SILENT, reading: true });
        try {
          onChoose({ ...(await toWav(blob)), name: "Recording" });
          show((old) => ({ ...old, reading: false }));
        } catch (error) {
          show((old) => ({ ...old, reading: false, error: error.message }));
        }
      });
    } catch (error) {
      const denied = error.name === "NotAllowedError";
      show({ ...SILENT, error: denied ? "The browser was not allowed to use the microphone. Allow it beside the address, and try again." : "No microphone could be opened." });
    }
  }
  return html`<div class="recorder">
      ${state.on ? html`<button type="button" class="danger" onClick=${() => stop.current?.()}><${Icon} name="stop" />Stop</button>` : html`<button type="button" onClick=${start}><${Icon} name="changer" />${chosen ? "Record again" : "Record"}</button>`}
      <meter aria-label="Level" min="0" max="1" low="0.02" high="0.98" optimum="0.3" value=${state.level}></meter>
      <span class="time">${clock(state.seconds)} / ${clock(longest)}</span></div>
    <p class="hint">${hint}</p>
    ${state.reading && html`<p class="waiting" role="status">Reading the recording…</p>`}
    <${Problem}>${state.error}<//>
    <${Chosen} chosen=${chosen} onRemove=${() => onChoose(null)} />`;
}

function Chosen({ chosen, onRemove }) {
  if (!chosen) return null;
  return html`<div class="chosen-file"><button type="button" class="icon-only" aria-label="Listen to ${chosen.name}" onClick=${() => playSample(chosen.name, chosen.blob)}><${Icon} name="play" /></button>
    <div><p class="title">${chosen.name}</p><p class="facts">${length(chosen.seconds)} · ${size(chosen.blob.size)}</p></div>
    <${Wave} peaks=${chosen.peaks} position=${0} duration=${0} onSeek=${() => {}} disabled=${true} label="Outline" />
    <button type="button" class="icon-only" aria-label="Remove ${chosen.name}" onClick=${onRemove}><${Icon} name="close" /></button></div>
    ${chosen.quiet && html`<p class="warning">It is very quiet. Record closer to the microphone if you can.</p>`}
    ${chosen.loud && html`<p class="warning">Its loudest parts are cut off. A lower level sounds better.</p>`}`;
}
