// Recordings: from the microphone or a file, to a WAV file that the server reads.
import { encode, peaksOf } from "./wav.js";

/** Why there is no microphone here, or nothing. */
export function whyNoMicrophone() {
  if (!isSecureContext) return "Browsers give the microphone to secure pages only: open this page over https, or as http://127.0.0.1 on the machine of the server.";
  if (!navigator.mediaDevices?.getUserMedia) return "This browser has no microphone to record from.";
  return "";
}

/** What any browser can decode as mono WAV: `{ blob, seconds, peaks, quiet, loud }`. */
export async function toWav(blob) {
  const data = await blob.arrayBuffer();
  const context = new OfflineAudioContext(1, 1, 48_000);
  let decoded;
  try {
    decoded = await context.decodeAudioData(data);
  } catch {
    throw new Error("This file cannot be read as sound. Choose WAV, MP3, FLAC, Ogg, M4A or WebM.");
  }
  const mono = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    const samples = decoded.getChannelData(channel);
    for (let i = 0; i < mono.length; i++) mono[i] += samples[i] / decoded.numberOfChannels;
  }
  let highest = 0, power = 0, clipped = 0;
  for (const sample of mono) {
    const level = Math.abs(sample);
    if (level > highest) highest = level;
    if (level > 0.999) clipped++;
    power += sample * sample;
  }
  const level = 20 * Math.log10(Math.sqrt(power / Math.max(1, mono.length)) + 1e-9);
  return {
    blob: encode(mono, decoded.sampleRate), seconds: decoded.duration, peaks: peaksOf(mono),
    quiet: level < -50 || highest < 0.01, loud: clipped > mono.length / 500,
  };
}

/** Records until `stop`, which resolves to a blob. `onLevel(level, seconds)` is told ten times a second. */
export async function record(longest, onLevel, onEnd) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true } });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = ({ data }) => data.size && parts.push(data);
  const context = new AudioContext();
  const meter = context.createAnalyser();
  meter.fftSize = 2048;
  context.createMediaStreamSource(stream).connect(meter);
  const levels = new Float32Array(meter.fftSize);
  const begun = performance.now();
  const timer = setInterval(() => {
    meter.getFloatTimeDomainData(levels);
    const seconds = (performance.now() - begun) / 1000;
    onLevel(Math.min(1, levels.reduce((most, each) => Math.max(most, Math.abs(each)), 0)), seconds);
    if (seconds >= longest && recorder.state === "recording") recorder.stop();
  }, 100);
  const ended = new Promise((done) => {
    recorder.onstop = () => {
      clearInterval(timer);
      for (const track of stream.getTracks()) track.stop();
      context.close();
      done(new Blob(parts, { type: recorder.mimeType }));
    };
  });
  ended.then(onEnd);
  recorder.start(1000);
  return () => { if (recorder.state === "recording") recorder.stop(); return ended; };
}
