// Sound effects from a description.
import { bind, useDraft } from "../drafts.js";
import { Output, OUTPUT, outputOf, Slider } from "../parts/fields.js";
import { MakeButton, NotInstalled, onKeys, Settings, Title, useMaker, useService, WAITING } from "../parts/maker.js";
import { countOf, Newest, Writing } from "../parts/writing.js";
import { html, number } from "../ui.js";

const EXAMPLES = ["Heavy rain, thunder far away.", "A dog barks twice.", "A steam train passes.", "A door creaks and closes.", "Waves on a beach, gulls.", "A crowd applauds.", "A telephone rings.", "Footsteps on gravel."];

export function Effects() {
  const { service, error } = useService("make-an-audio");
  const [draft, change] = useDraft("effects", { prompt: "", duration: 5, steps: 100, guidance: 3, variants: 1, atOnce: true, ...OUTPUT });
  const set = (name) => bind(draft, change, name);
  const maker = useMaker(service);
  if (service && !service.installed) return html`<${Title}>Sound effects<//><${NotInstalled} service=${service} />`;
  const has = (option) => service && !service.ignored.includes(option);
  const most = service?.options.prompt.maxLength ?? 500, letters = countOf(draft.prompt);
  const price = (service?.credits ?? 0) * draft.variants;
  const reason = !service ? WAITING : !letters ? "Describe a sound, or take one of the examples." : letters > most ? `The description is ${number(letters - most)} characters too long.` : "";
  const make = () => {
    if (reason) return;
    const options = Object.fromEntries(["steps", "guidance"].filter(has).map((name) => [name, draft[name]]));
    const output = outputOf(draft);
    const variant = (n) => ({ prompt: draft.prompt, duration: draft.duration, ...options, ...output, ...(n && output.seed !== undefined ? { seed: (output.seed + n) % 2 ** 32 } : {}) });
    maker.make(Array.from({ length: draft.variants }, (_, n) => variant(n)), draft.atOnce);
  };
  return html`<${Title}>Sound effects<//>
    <div class="screen"><form onSubmit=${(event) => { event.preventDefault(); make(); }} onKeyDown=${onKeys(make)}>
      <div class="work">
        <${Writing} id="prompt" label="Description" rows="3" text=${draft.prompt} most=${most} error=${maker.error} placeholder="What is to be heard?" examples=${EXAMPLES} onChange=${(prompt) => change({ prompt })}>
        ${service?.note && html`<p class="hint">${service.note.split(" `bernie")[0]}</p>`}
        <${MakeButton} label=${draft.variants > 1 ? `Make ${draft.variants} sounds` : "Make the sound"} busy=${maker.busy} price=${price} reason=${reason} error=${maker.error ?? error} atOnce=${draft.atOnce} onAtOnce=${(atOnce) => change({ atOnce })} />
        <//>
      </div>
      <${Settings} summary=${`Settings: ${draft.duration} seconds`}>
        <${Slider} id="duration" label="Duration" unit="seconds" ...${set("duration")} min=${service?.pipeline === "makeanaudio-small" ? 1 : 0.5} max=${service?.pipeline === "makeanaudio-small" ? 10 : 30} step=${0.5} />
        <${Slider} id="variants" label="Variants" ...${set("variants")} min=${1} max=${4} step=${1} hint="Each is a clip of its own, with another seed and the same price." />
        ${has("steps") && html`<${Slider} id="steps" label="Steps" ...${set("steps")} min=${1} max=${500} step=${1} hint="More take longer." />`}
        ${has("guidance") && html`<${Slider} id="guidance" label="Closeness to the description" ...${set("guidance")} min=${1} max=${20} step=${0.5} />`}
        <${Output} draft=${draft} change=${change} />
      <//>
    </form>
    <${Newest} service="make-an-audio" empty="What you make appears here: describe a sound and press the button." canConvert=${false} /></div>`;
}
