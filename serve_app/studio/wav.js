// WAV: written from samples, and read while it comes.

/** Mono samples in [-1, 1] as a 16-bit WAV file. */
export function encode(samples, rate) {
  const file = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => file.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); // PCM
  file.setUint16(22, 1, true); // mono
  file.setUint32(24, rate, true);
  file.setUint32(28, 2 * rate, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  text(36, "data");
  file.setUint32(40, 2 * samples.length, true);
  for (let i = 0; i < samples.length; i++) {
    file.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768))), true);
  }
  return new Blob([file], { type: "audio/wav" });
}

/** Reads a 16-bit WAV file in blocks of any size: `rate`, and `take`, which returns new samples. */
export class WavReader {
  constructor() {
    this.rate = 0;
    this.rest = new Uint8Array(0);
    this.inData = false;
    this.channels = 1;
  }

  take(block) {
    const joined = new Uint8Array(this.rest.length + block.length);
    joined.set(this.rest);
    joined.set(block, this.rest.length);
    this.rest = joined;
    if (!this.inData && !this.readHeader()) return new Float32Array(0);
    const count = Math.floor(this.rest.length / (2 * this.channels));
    const view = new DataView(this.rest.buffer, this.rest.byteOffset);
    const samples = new Float32Array(count);
    for (let i = 0; i < count; i++) samples[i] = view.getInt16(2 * this.channels * i, true) / 32768;
    this.rest = this.rest.slice(2 * this.channels * count);
    return samples;
  }

  readHeader() {
    const bytes = this.rest, view = new DataView(bytes.buffer, bytes.byteOffset);
    let at = 12;
    while (at + 8 <= bytes.length) {
      const name = String.fromCharCode(...bytes.slice(at, at + 4)), long = view.getUint32(at + 4, true);
      if (name === "data") {
        this.rest = bytes.slice(at + 8);
        this.inData = true;
        return true;
      }
      if (name === "fmt " && at + 24 <= bytes.length) {
        this.channels = view.getUint16(at + 10, true);
        this.rate = view.getUint32(at + 12, true);
      }
      at += 8 + long + (long % 2);
    }
    return false;
  }
}

/** Lowest and highest sample of each of `parts` equal parts, as a flat list. */
export function peaksOf(samples, parts = 1000) {
  const pairs = new Float32Array(2 * parts);
  for (let part = 0; part < parts; part++) {
    const from = Math.floor((part * samples.length) / parts), to = Math.max(from + 1, Math.floor(((part + 1) * samples.length) / parts));
    let low = 0, high = 0;
    for (let i = from; i < to && i < samples.length; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    pairs[2 * part] = low;
    pairs[2 * part + 1] = high;
  }
  return pairs;
}
