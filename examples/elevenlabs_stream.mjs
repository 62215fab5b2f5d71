// Speech through ElevenLabs' client for JavaScript (`npm install @elevenlabs/elevenlabs-js`), written
// as it arrives: `BERNIE_URL` and `ELEVENLABS_API_KEY` say where.

import { createWriteStream } from "node:fs";
import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";

const client = new ElevenLabsClient({ baseUrl: process.env.BERNIE_URL });
const audio = await client.textToSpeech.stream("21m00Tcm4TlvDq8ikWAM", {
  text: "The kettle is on, and the kitchen is warm.",
  outputFormat: "mp3_44100_128",
});
const file = createWriteStream(process.argv[2]);
for await (const chunk of audio) file.write(chunk);
file.end();
