// The playbar at the bottom of every screen.
import { notify } from "./announce.js";
import { Icon } from "./icons.js";
import { Wave } from "./wave.js";
import { sentence } from "../api.js";
import { download, player, seek, setRate, setVolume, step, stop, toggle } from "../player.js";
import { clock, html, sayVoice, shorten, useEffect, useStore } from "../ui.js";

export const KINDS = { styletts2: "Speech", seedvc: "Voice changer", "make-an-audio": "Sound effect" };
/** The service, and the voice unless it is the title. */
export const factsOf = (clip) => (clip.text !== null && clip.voice ? `${KINDS[clip.service]} · ${sayVoice(clip.voice)}` : KINDS[clip.service]);
export const titleOf = (clip) => clip.text ?? `Converted to ${sayVoice(clip.voice)}`;

export function Playbar() {
  const state = useStore(player);
  const { clip, sample, playing, waiting, live, position, duration, peaks, error, rate, volume, list } = state;
  const open = Boolean(clip || sample || error);
  useEffect(() => { document.documentElement.classList.toggle("playing", open); }, [open]);
  if (!open) return null;
  const at = list.indexOf(clip?.id);
  const title = clip ? titleOf(clip) : sample?.title ?? "";
  const status = error || (live ? (waiting ? (duration ? "Waiting for the next audio…" : "Waiting for the first audio…") : "Heard while it is made") : waiting ? "Loading the audio…" : clip ? factsOf(clip) : "Sample");
  return html`<aside class="playbar" aria-label="Player">
    <div class="buttons">
      <button class="icon-only wide-only" aria-label="Previous clip" aria-disabled=${at <= 0 ? "true" : undefined} onClick=${() => step(-1)}><${Icon} name="previous" /></button>
      <button class="icon-only main" aria-label=${playing ? "Pause" : "Play"} onClick=${toggle}><${Icon} name=${playing ? "pause" : "play"} /></button>
      <button class="icon-only wide-only" aria-label="Next clip" aria-disabled=${at < 0 || at === list.length - 1 ? "true" : undefined} onClick=${() => step(1)}><${Icon} name="next" /></button>
    </div>
    <div class="about"><p class="title" title=${title}>${shorten(title, 80)}</p><p class="status ${error ? "bad" : ""}" role=${error ? "alert" : undefined}>${status}</p></div>
    <${Wave} peaks=${peaks} position=${position} duration=${duration} onSeek=${seek} disabled=${live} />
    <p class="time">${clock(position)} / ${clock(duration)}</p>
    <div class="extras">
      <label class="wide-only"><span class="sr">Speed of playback</span><select onChange=${(event) => setRate(Number(event.target.value))} disabled=${live}>${[0.75, 1, 1.25, 1.5, 2].map((each) => html`<option value=${each} selected=${each === rate}>${each}×</option>`)}</select></label>
      <label class="volume wide-only"><span class="sr">Volume</span><${Icon} name="volume" /><input type="range" min="0" max="1" step="0.05" value=${volume} onInput=${(event) => setVolume(Number(event.target.value))} /></label>
      ${clip && html`<button class="icon-only" aria-label="Download" disabled=${live} onClick=${() => download(clip).catch((failure) => notify(sentence(failure)))}><${Icon} name="download" /></button>`}
      <button class="icon-only" aria-label="Close the player" onClick=${stop}><${Icon} name="close" /></button>
    </div></aside>`;
}
