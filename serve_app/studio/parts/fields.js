// Fields of forms: each with a label, its error tied to it, and a number beside each slider.
import { bind } from "../drafts.js";
import { html, useEffect, useState } from "../ui.js";

export const Problem = ({ id, children }) => (children ? html`<p class="problem" id=${id} role="alert">${children}</p>` : null);

/** The button that sends a form. Where it is `off` it keeps the focus and tells why, and the form does nothing. */
export const Submit = ({ off, children, ...rest }) => html`<button type="submit" class="primary" aria-disabled=${off ? "true" : undefined} ...${rest}>${children}</button>`;

export function Text({ id, label, error, hint, ...rest }) {
  useEffect(() => { if (error) document.getElementById(id)?.focus(); }, [error]);
  return html`<div class="field"><label for=${id}>${label}</label>
    <input id=${id} aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? `${id}-problem` : hint ? `${id}-hint` : undefined} ...${rest} />
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}<${Problem} id="${id}-problem">${error}<//></div>`;
}

export function Password({ id, label, error, ...rest }) {
  const [shown, show] = useState(false);
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="row tight"><input id=${id} type=${shown ? "text" : "password"} aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? `${id}-problem` : undefined} ...${rest} />
    <button type="button" aria-pressed=${shown ? "true" : "false"} onClick=${() => show(!shown)}>Show</button></div>
    <${Problem} id="${id}-problem">${error}<//></div>`;
}

export function Slider({ id, label, value, min, max, step, unit = "", hint, onChange }) {
  const set = (event) => {
    const next = Number(event.target.value);
    if (event.target.value !== "" && Number.isFinite(next)) onChange(Math.min(max, Math.max(min, next)));
  };
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="row tight"><input id=${id} type="range" min=${min} max=${max} step=${step} value=${value} onInput=${set} aria-describedby=${hint ? `${id}-hint` : undefined} />
    <input class="number" type="number" aria-label="${label}${unit && `, in ${unit}`}" min=${min} max=${max} step=${step} value=${value} onChange=${set} /></div>
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

export function Choice({ id, label, value, options, onChange }) {
  return html`<div class="field"><label for=${id}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${options.map(([name, text]) => html`<option value=${name} selected=${name === value}>${text}</option>`)}</select></div>`;
}

/** Radio buttons that look like a row of buttons. */
export function Segments({ name, label, value, options, onChange }) {
  return html`<fieldset class="segments"><legend class="sr">${label}</legend>
    ${options.map(([key, text]) => html`<label class=${key === value ? "chosen" : ""}><input type="radio" name=${name} value=${key} checked=${key === value} onChange=${() => onChange(key)} />${text}</label>`)}</fieldset>`;
}

export function Chips({ label, items, onPick }) {
  return html`<ul class="chips" aria-label=${label}>${items.map((item) => html`<li><button type="button" onClick=${() => onPick(item)}>${item}</button></li>`)}</ul>`;
}

export const FORMATS = [["wav", "WAV, heard while it is made"], ["mp3", "MP3, small"], ["flac", "FLAC, exact and smaller"], ["opus", "Ogg Opus, smallest"]];
export const RATES = [["", "The model's own"], ["8000", "8 kHz"], ["16000", "16 kHz"], ["24000", "24 kHz"], ["48000", "48 kHz"]];

/** Format, and folded: sample rate and seed. */
export function Output({ draft, change }) {
  const set = (name) => bind(draft, change, name);
  return html`<${Choice} id="format" label="Format" ...${set("format")} options=${FORMATS} />
    <details><summary>More</summary><div class="stack">
    <${Choice} id="rate" label="Sample rate" ...${set("rate")} options=${RATES} />
    <${Text} id="seed" label="Seed" inputmode="numeric" pattern="[0-9]*" value=${draft.seed} hint="The same seed and settings give the same audio. Empty: a new one each time." onInput=${(event) => change({ seed: event.target.value.replace(/\D/g, "") })} />
    </div></details>`;
}

export const OUTPUT = { format: "wav", rate: "", seed: "" };
export const outputOf = (draft) => ({
  format: draft.format,
  ...(draft.rate ? { sample_rate: Number(draft.rate) } : {}),
  ...(draft.seed !== "" ? { seed: Number(draft.seed) } : {}),
});
