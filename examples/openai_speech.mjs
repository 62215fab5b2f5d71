// Speech through OpenAI's client for JavaScript (`npm install openai`): `OPENAI_BASE_URL` (…/v1) and
// `OPENAI_API_KEY` say where.

import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI();
const speech = await client.audio.speech.create({
  model: "tts-1",
  voice: "alloy",
  input: "The kettle is on, and the kitchen is warm.",
});
await writeFile(process.argv[2], Buffer.from(await speech.arrayBuffer()));
