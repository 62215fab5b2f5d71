// Listening to a clip while it is made: WAV over fetch, its samples scheduled one block after another.
import { authorised } from "./api.js";
import { pause } from "./ui.js";
import { WavReader } from "./wav.js";

const LEAD = 0.06; // seconds between the first samples and their sound

/**
 * Plays a pending WAV clip. Make it in the tap that asks for it: phones allow sound only then.
 * `onChange` is told of every change; `position` is what has been heard, in seconds.
 */
export class LiveAudio {
  constructor(rate, onChange) {
    this.context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    this.context.resume();
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    this.onChange = onChange;
    this.stopper = new AbortController();
    this.scheduled = 0; // seconds of audio handed to the context
    this.next = 0; // when the next block begins, by the clock of the context
    this.silent = 0; // seconds in which the next block was not there in time
    /** @type {number | null} */
    this.started = null;
    this.complete = false;
  }

  get position() {
    if (this.started === null) return 0;
    return Math.max(0, Math.min(this.scheduled, this.scheduled - (this.next - this.context.currentTime)));
  }

  get playing() {
    return this.context.state === "running";
  }

  set volume(value) {
    this.gain.gain.value = value;
  }

  suspend() {
    return this.context.suspend();
  }

  resume() {
    return this.context.resume();
  }

  /** Resolves to true when all was heard, to false where the stream broke off or was stopped. */
  async play(clipId) {
    const reader = new WavReader();
    try {
      const answer = await fetch(`/api/clips/${clipId}/audio?stream=1`, { headers: authorised(), signal: this.stopper.signal });
      if (!answer.ok || !answer.body) return false;
      const body = answer.body.getReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) break;
        const samples = reader.take(value);
        if (samples.length) this.add(samples, reader.rate);
      }
      this.complete = true;
      while (this.position < this.scheduled - 0.005 && !this.stopper.signal.aborted) {
        await pause(50);
      }
      return !this.stopper.signal.aborted;
    } catch {
      return false;
    } finally {
      await this.close();
    }
  }

  add(samples, rate) {
    const now = this.context.currentTime;
    if (this.started === null) {
      this.next = now + LEAD;
      this.started = this.next;
      performance.mark("live:first-audio", { detail: LEAD });
      this.onChange();
    } else if (this.next < now) {
      this.silent += now + LEAD / 2 - this.next;
      performance.mark("live:gap", { detail: now - this.next });
      this.next = now + LEAD / 2;
    }
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    source.start(this.next);
    this.next += buffer.duration;
    this.scheduled += buffer.duration;
  }

  async close() {
    this.stopper.abort();
    if (this.context.state !== "closed") await this.context.close();
  }
}
