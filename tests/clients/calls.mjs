// Every call of the JavaScript clients of ElevenLabs and OpenAI, once each. Arguments: the folder of
// the packages, the server's address, a key, and a WAV file of speech. Prints one object: of each
// call what came back, or the error it threw.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [folder, url, key, recording] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { ElevenLabsClient, ElevenLabsError } = require("@elevenlabs/elevenlabs-js");
const { OpenAI } = require("openai");

const VOICE = "21m00Tcm4TlvDq8ikWAM";
const TEXT = "The kettle is on, and the kitchen is warm.";
const eleven = new ElevenLabsClient({ baseUrl: url, apiKey: key, maxRetries: 0 });
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const found = {};

async function bytes(stream) {
  let size = 0;
  for await (const chunk of stream) size += chunk.length;
  return { bytes: size };
}

async function call(name, run) {
  try {
    found[name] = (await run()) ?? {};
  } catch (error) {
    found[name] = { error: `${error.name}: ${error.message}`.slice(0, 500), status: error.statusCode ?? error.status };
  }
  return found[name];
}

const wav = () => new File([readFileSync(recording)], "speech.wav", { type: "audio/wav" });
const speech = { text: TEXT, outputFormat: "pcm_16000" };

await call("textToSpeech.convert", async () => bytes(await eleven.textToSpeech.convert(VOICE, speech)));
await call("textToSpeech.stream", async () => bytes(await eleven.textToSpeech.stream(VOICE, speech)));
await call("textToSpeech.convertWithTimestamps", async () => {
  const made = await eleven.textToSpeech.convertWithTimestamps(VOICE, speech);
  return { bytes: Buffer.from(made.audioBase64, "base64").length, characters: made.alignment.characters.join("") };
});
await call("textToSpeech.streamWithTimestamps", async () => {
  let [size, characters] = [0, ""];
  for await (const made of await eleven.textToSpeech.streamWithTimestamps(VOICE, speech)) {
    size += Buffer.from(made.audioBase64, "base64").length;
    characters += made.alignment?.characters.join("") ?? "";
  }
  return { bytes: size, characters };
});
const turns = [{ text: "Who is there?", voiceId: VOICE }, { text: "It is me.", voiceId: "am_michael" }];
await call("textToDialogue.convert", async () =>
  bytes(await eleven.textToDialogue.convert({ inputs: turns, outputFormat: "pcm_16000" })));
await call("textToDialogue.stream", async () =>
  bytes(await eleven.textToDialogue.stream({ inputs: turns, outputFormat: "pcm_16000" })));
await call("speechToSpeech.convert", async () =>
  bytes(await eleven.speechToSpeech.convert(VOICE, { audio: wav(), outputFormat: "pcm_16000" })));
await call("speechToSpeech.stream", async () =>
  bytes(await eleven.speechToSpeech.stream(VOICE, { audio: wav(), outputFormat: "pcm_16000" })));
await call("textToSoundEffects.convert", async () =>
  bytes(await eleven.textToSoundEffects.convert({ text: "Rain on a tin roof", outputFormat: "pcm_16000" })));

await call("voices.getAll", async () => ({ count: (await eleven.voices.getAll()).voices.length }));
await call("voices.search", async () => ({ count: (await eleven.voices.search({ pageSize: 2 })).voices.length }));
await call("voices.get", async () => ({ name: (await eleven.voices.get(VOICE)).name }));
await call("voices.settings.getDefault", async () => ({ speed: (await eleven.voices.settings.getDefault()).speed }));
await call("voices.settings.update", async () => eleven.voices.settings.update("af_heart", { speed: 1.2 }));
await call("voices.settings.get", async () => ({ speed: (await eleven.voices.settings.get("af_heart")).speed }));
const own = await call("voices.ivc.create", async () =>
  eleven.voices.ivc.create({ name: "Made by JavaScript", files: [wav()], labels: JSON.stringify({ accent: "calm" }) }));
await call("voices.update", async () =>
  eleven.voices.update(own.voiceId, { name: "Renamed by JavaScript", description: "A voice." }));
await call("voices.samples.audio.get", async () =>
  bytes(await eleven.voices.samples.audio.get(own.voiceId, own.voiceId)));
await call("voices.delete", async () => eleven.voices.delete(own.voiceId));

const made = await call("pronunciationDictionaries.createFromRules", async () =>
  eleven.pronunciationDictionaries.createFromRules({
    name: "names",
    rules: [{ type: "alias", stringToReplace: "SQL", alias: "sequel" }],
  }));
await call("pronunciationDictionaries.get", async () => ({
  name: (await eleven.pronunciationDictionaries.get(made.id)).name,
}));
await call("pronunciationDictionaries.rules.add", async () =>
  eleven.pronunciationDictionaries.rules.add(made.id, {
    rules: [{ type: "phoneme", stringToReplace: "kettle", phoneme: "kˈɛɾəl", alphabet: "ipa" }],
  }));
const listed = await call("pronunciationDictionaries.list", async () => {
  const all = await eleven.pronunciationDictionaries.list();
  return { count: all.pronunciationDictionaries.length, version: all.pronunciationDictionaries[0].latestVersionId };
});
await call("pronunciationDictionaries.download", async () =>
  bytes(await eleven.pronunciationDictionaries.download(made.id, listed.version)));
await call("textToSpeech.convert with a dictionary", async () =>
  bytes(await eleven.textToSpeech.convert(VOICE, {
    ...speech,
    pronunciationDictionaryLocators: [{ pronunciationDictionaryId: made.id, versionId: listed.version }],
  })));
await call("pronunciationDictionaries.rules.remove", async () =>
  eleven.pronunciationDictionaries.rules.remove(made.id, { ruleStrings: ["SQL"] }));

const history = await call("history.list", async () => {
  const page = await eleven.history.list({ pageSize: 5 });
  return { count: page.history.length, id: page.history[0].historyItemId, other: page.history[1].historyItemId };
});
await call("history.get", async () => ({ source: (await eleven.history.get(history.id)).source }));
await call("history.getAudio", async () => bytes(await eleven.history.getAudio(history.id)));
await call("history.download", async () =>
  bytes(await eleven.history.download({ historyItemIds: [history.id, history.other] })));
await call("history.delete", async () => eleven.history.delete(history.other));
await call("user.get", async () => ({ id: (await eleven.user.get()).userId }));
await call("user.subscription.get", async () => ({ tier: (await eleven.user.subscription.get()).tier }));
await call("models.list", async () => ({ count: (await eleven.models.list()).length }));
await call("usage.get", async () => {
  const now = Date.now();
  return { count: (await eleven.usage.get({ startUnix: now - 86400000, endUnix: now })).time.length };
});
const stranger = new ElevenLabsClient({ baseUrl: url, apiKey: "bk_wrong", maxRetries: 0 });
await call("a wrong key", async () => {
  try {
    await bytes(await stranger.textToSpeech.convert(VOICE, speech));
  } catch (error) {
    return { known: error instanceof ElevenLabsError, status: error.statusCode, slug: error.body?.detail?.status };
  }
});

const asked = { model: "tts-1", voice: "alloy", input: TEXT };
await call("audio.speech.create", async () => ({
  bytes: (await (await openai.audio.speech.create({ ...asked, response_format: "pcm" })).arrayBuffer()).byteLength,
}));
await call("audio.speech.create as a stream", async () =>
  bytes((await openai.audio.speech.create({ ...asked, response_format: "pcm" })).body));
await call("audio.speech.create as events", async () => {
  const answer = await openai.audio.speech.create({ ...asked, stream_format: "sse" });
  const events = (await answer.text()).trim().split("\n\n").map((line) => JSON.parse(line.slice(6)));
  return { first: events[0].type, last: events.at(-1).type };
});
await call("models.list of OpenAI", async () => ({ count: (await openai.models.list()).data.length }));
await call("models.retrieve", async () => ({ id: (await openai.models.retrieve("tts-1")).id }));
await call("an unknown voice of OpenAI", async () => {
  try {
    await openai.audio.speech.create({ ...asked, voice: "nobody" });
  } catch (error) {
    return { known: error instanceof OpenAI.NotFoundError, code: error.code };
  }
});

console.log(JSON.stringify(found));
