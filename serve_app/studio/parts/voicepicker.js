// Choosing a voice: search, a sample of each, and a blend of two.
import { notify } from "./announce.js";
import { Slider } from "./fields.js";
import { Icon } from "./icons.js";
import { send, sentence } from "../api.js";
import { playSample } from "../player.js";
import { html, sayVoice, useState } from "../ui.js";

const LANGUAGES = { "en-us": "American", "en-gb": "British" };

/** How a voice is called on the page: `af_heart` is Heart. */
export const nameOf = (voice) => (voice.kind === "own" ? voice.name : sayVoice(voice.name));
export const aboutOf = (voice) => (voice.kind === "own" ? "your voice" : `${LANGUAGES[voice.language] ?? voice.language} ${voice.gender === "female" ? "woman" : "man"}`);

export async function hear(voice) {
  try {
    const answer = await send(`/api/voices/${encodeURIComponent(voice.id ?? voice.name)}/sample`);
    await playSample(`${nameOf(voice)}, a sample`, await answer.blob());
  } catch (error) {
    notify(sentence(error));
  }
}

/** `first:0.7+second:0.3` and back. */
export const blendOf = (first, second, share) => (second ? `${first}:${share.toFixed(2)}+${second}:${(1 - share).toFixed(2)}` : first);
export function partsOf(voice) {
  const [one, other] = voice.split("+").map((part) => part.split(":"));
  return { first: one[0], second: other?.[0] ?? "", share: other ? Number(one[1]) : 0.5 };
}

/** A search is no reason to send the form. */
const stay = (event) => { if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) event.preventDefault(); };

export function VoicePicker({ voices, value, onChange, canBlend }) {
  const [search, setSearch] = useState("");
  const { first, second, share } = partsOf(value);
  const words = search.toLowerCase().split(/\s+/);
  const shown = voices.filter((voice) => voice.name === first || words.every((word) => `${voice.name} ${aboutOf(voice)} ${voice.aliases.join(" ")}`.toLowerCase().includes(word)));
  const own = [...shown].sort((one, other) => Number(other.kind === "own") - Number(one.kind === "own"));
  const shipped = voices.filter((voice) => voice.kind === "shipped");
  const blends = canBlend && shipped.some((voice) => voice.name === first);
  return html`<fieldset class="voices"><legend>Voice</legend>
    ${voices.length > 6 && html`<label class="search"><span class="sr">Search voices</span><${Icon} name="search" /><input type="search" placeholder="Search: woman, British, …" value=${search} onInput=${(event) => setSearch(event.target.value)} onKeyDown=${stay} /></label>`}
    <div class="voice-list">${own.map((voice) => html`<div class="voice ${voice.name === first ? "chosen" : ""}" key=${voice.kind + voice.name}>
      <label><input type="radio" name="voice" value=${voice.name} checked=${voice.name === first} onChange=${() => onChange(blendOf(voice.name, canBlend && voice.kind === "shipped" ? second : "", share))} />
        <span class="name">${nameOf(voice)}</span> <span class="about">${aboutOf(voice)}</span></label>
      <button type="button" class="icon-only small" aria-label="Hear ${nameOf(voice)}" onClick=${() => hear(voice)}><${Icon} name="play" /></button></div>`)}</div>
    ${blends && html`<div class="field"><label for="blend">Blend with</label><select id="blend" onChange=${(event) => onChange(blendOf(first, event.target.value, share))}>
      <option value="">no other voice</option>${shipped.filter((voice) => voice.name !== first).map((voice) => html`<option value=${voice.name} selected=${voice.name === second}>${nameOf(voice)}, ${aboutOf(voice)}</option>`)}</select></div>`}
    ${blends && second && html`<${Slider} id="share" label="Share of the first voice" unit="percent" value=${Math.round(share * 100)} min=${5} max=${95} step=${5} onChange=${(percent) => onChange(blendOf(first, second, percent / 100))} />`}
  </fieldset>`;
}
