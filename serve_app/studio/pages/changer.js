// Voice conversion: a file, a recording or a clip, said by another voice.
import { call, listVoices } from "../api.js";
import { bind, useDraft, useRecording } from "../drafts.js";
import { Choice, Output, OUTPUT, outputOf, Segments, Slider } from "../parts/fields.js";
import { Loading, MakeButton, NotInstalled, onKeys, Settings, Title, useMaker, useService, WAITING } from "../parts/maker.js";
import { titleOf } from "../parts/playbar.js";
import { FileSource, Microphone } from "../parts/source.js";
import { VoicePicker } from "../parts/voicepicker.js";
import { Newest } from "../parts/writing.js";
import { html, length, sayVoice, shorten, useLoaded, useState, when } from "../ui.js";
import { sendOnce, wasStopped } from "../upload.js";

const SOURCES = [["file", "File"], ["microphone", "Microphone"], ["clip", "A clip of yours"]];
const LONGEST = 300, NOTHING = { text: "", stop: null };

export function Changer() {
  const { service, error } = useService("seedvc");
  const voices = useLoaded(listVoices);
  const clips = useLoaded(async () => (await call("/api/clips?state=succeeded&limit=50")).items);
  const [draft, change] = useDraft("changer", { source: "file", clip: "", voice: "af_heart", steps: 25, guidance: 0.7, length_adjust: 1, match_pitch: false, semitones: 0, atOnce: true, ...OUTPUT });
  const set = (name) => bind(draft, change, name);
  const [file, setFile] = useRecording("file"), [microphone, setMicrophone] = useRecording("microphone");
  const [sending, tell] = useState(NOTHING);
  const maker = useMaker(service);
  if (service && !service.installed) return html`<${Title}>Voice changer<//><${NotInstalled} service=${service} />`;
  const has = (option) => service && !service.ignored.includes(option);
  const small = service?.pipeline === "revoice";
  const chosen = draft.source === "file" ? file : microphone;
  const known = clips.value?.some((clip) => clip.id === draft.clip);
  const usable = (voices.value ?? []).filter((voice) => !small || voice.kind === "shipped");
  const voice = usable.some((each) => each.name === draft.voice.split(":")[0]) ? draft.voice : usable[0]?.name ?? draft.voice;
  const reason = !service ? WAITING : draft.source === "clip" ? (known ? "" : "Choose a clip.") : chosen ? "" : draft.source === "file" ? "Choose a file." : "Record something.";
  async function make() {
    if (reason || maker.busy || sending.text) return;
    const options = Object.fromEntries(["steps", "guidance", "length_adjust", "match_pitch", "semitones"].filter(has).map((name) => [name, draft[name]]));
    let source = /** @type {object} */ ({ clip: draft.clip });
    if (draft.source !== "clip") {
      try {
        source = { upload: await sendOnce(chosen.blob, "the recording", tell) };
      } catch (failure) {
        if (!wasStopped(failure)) maker.fail(failure);
        return;
      } finally {
        tell(NOTHING);
      }
    }
    await maker.make([{ ...source, voice, ...options, ...outputOf(draft) }], draft.atOnce);
  }
  return html`<${Title}>Voice changer<//>
    <div class="screen"><form onSubmit=${(event) => { event.preventDefault(); make(); }} onKeyDown=${onKeys(make)}>
      <div class="work">
        <${Segments} name="source" label="What is converted" ...${set("source")} options=${SOURCES} />
        ${draft.source === "file" && html`<${FileSource} chosen=${file} longest=${LONGEST} onChoose=${setFile} />`}
        ${draft.source === "microphone" && html`<${Microphone} chosen=${microphone} longest=${LONGEST} hint="Speak as you want to be heard: the words, the timing and the melody stay, the voice changes." onChoose=${setMicrophone} />`}
        ${draft.source === "clip" && (clips.value?.length ? html`<${Choice} id="clip" label="Clip" ...${set("clip")} options=${[["", "Choose a clip"], ...clips.value.map((clip) => [clip.id, `${shorten(titleOf(clip), 60)} (${length(clip.audio.seconds)}, ${when(clip.created_at)})`])]} />`
          : html`<p class="empty">${clips.loading ? "Loading your clips…" : "You have no clips yet. Make one under Speech, and change its voice here."}</p>`)}
        ${service?.note && html`<p class="hint">${service.note.split(" `bernie")[0]}</p>`}
        <${MakeButton} label="Change the voice" busy=${maker.busy || Boolean(sending.text)} sending=${sending} price=${service?.credits ?? 0} reason=${reason} error=${maker.error ?? error} atOnce=${draft.atOnce} onAtOnce=${(atOnce) => change({ atOnce })} />
      </div>
      <${Settings} summary=${`Voice and settings: ${sayVoice(voice)}`}>
        <div class="voices-room"><${Loading} loaded=${voices}>Loading the voices…<//>
        ${voices.value && service && html`<${VoicePicker} voices=${usable} value=${voice} canBlend=${small} onChange=${(next) => change({ voice: next })} />`}</div>
        <${Slider} id="length" label="Length" ...${set("length_adjust")} min=${small ? 0.5 : 0.25} max=${small ? 2 : 4} step=${0.05} hint="2 is half as fast." />
        ${has("semitones") && html`<${Slider} id="semitones" label="Pitch, in semitones" ...${set("semitones")} min=${small ? -12 : -48} max=${small ? 12 : 48} step=${1} />`}
        ${has("match_pitch") && html`<label class="check"><input type="checkbox" checked=${draft.match_pitch} onChange=${(event) => change({ match_pitch: event.target.checked })} />Move the pitch to the register of the voice</label>`}
        ${has("steps") && html`<${Slider} id="steps" label="Steps" ...${set("steps")} min=${1} max=${200} step=${1} hint="More take longer and follow the voice more closely." />`}
        ${has("guidance") && html`<${Slider} id="guidance" label="Closeness to the voice" ...${set("guidance")} min=${0} max=${10} step=${0.1} />`}
        <${Output} draft=${draft} change=${change} />
      <//>
    </form>
    <${Newest} service="seedvc" empty="What you convert appears here: choose a recording, a voice, and press Change the voice." /></div>`;
}
