// Text to speech.
import { listVoices } from "../api.js";
import { bind, useDraft } from "../drafts.js";
import { Output, OUTPUT, outputOf, Slider } from "../parts/fields.js";
import { Loading, MakeButton, NotInstalled, onKeys, Settings, Title, useMaker, useService, WAITING } from "../parts/maker.js";
import { VoicePicker } from "../parts/voicepicker.js";
import { countOf, Newest, Writing } from "../parts/writing.js";
import { html, number, sayVoice, useLoaded } from "../ui.js";

const EXAMPLES = [
  "The kettle is on, and the kitchen is warm.",
  "Good evening, and welcome to the eight o’clock news.",
  "Once upon a time, a lighthouse keeper taught the gulls to sing.",
  "Your table for two is booked for 7:30 on March 4th.",
  "In 1969, two people walked on the Moon; 600 million watched.",
  "Breathe in. Hold it for a moment. And let it go.",
];

export function Speech() {
  const { service, error } = useService("styletts2");
  const voices = useLoaded(listVoices);
  const [draft, change] = useDraft("speech", { text: "", voice: "af_heart", speed: 1, atOnce: true, ...OUTPUT });
  const set = (name) => bind(draft, change, name);
  const maker = useMaker(service);
  const most = service?.options.text.maxLength ?? 5000;
  const letters = countOf(draft.text);
  const reason = !service ? WAITING : !letters ? "Write something to say, or take one of the examples." : letters > most ? `The text is ${number(letters - most)} characters too long.` : "";
  const make = () => { if (!reason) maker.make([{ text: draft.text, voice: draft.voice, speed: draft.speed, ...outputOf(draft) }], draft.atOnce); };
  if (service && !service.installed) return html`<${Title}>Speech<//><${NotInstalled} service=${service} />`;
  const failed = maker.error ?? error;
  return html`<${Title}>Speech<//>
    <div class="screen"><form onSubmit=${(event) => { event.preventDefault(); make(); }} onKeyDown=${onKeys(make)}>
      <div class="work">
        <${Writing} id="text" label="Text" rows="7" text=${draft.text} most=${most} error=${failed} placeholder="What is to be said?" examples=${EXAMPLES} onChange=${(text) => change({ text })}>
        <${MakeButton} label="Speak" busy=${maker.busy} price=${service?.credits ?? 0} reason=${reason} error=${failed} atOnce=${draft.atOnce} onAtOnce=${(atOnce) => change({ atOnce })} />
        <//>
      </div>
      <${Settings} summary=${`Voice and settings: ${sayVoice(draft.voice)}`}>
        <div class="voices-room"><${Loading} loaded=${voices}>Loading the voices…<//>
        ${voices.value && html`<${VoicePicker} voices=${voices.value.filter((voice) => voice.kind === "shipped" || service?.own_voices)} ...${set("voice")} canBlend=${true} />`}</div>
        <${Slider} id="speed" label="Speed" ...${set("speed")} min=${0.25} max=${4} step=${0.05} />
        <${Output} draft=${draft} change=${change} />
      <//>
    </form>
    <${Newest} service="styletts2" empty="What you make appears here: press Speak, and you hear it from its first sentence on." /></div>`;
}
