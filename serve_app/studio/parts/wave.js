// A waveform as a seek bar: drawn on a canvas, with a real slider over it.
import { clock, html, useEffect, useRef } from "../ui.js";

const BAR = 3; // CSS pixels from bar to bar

function draw(canvas, peaks, share) {
  const ratio = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  if (!box.width) return;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const style = getComputedStyle(canvas), paint = canvas.getContext("2d");
  const bars = Math.floor(box.width / BAR), middle = canvas.height / 2, count = peaks ? peaks.length / 2 : 0;
  let most = 0.05;
  for (let i = 0; i < 2 * count; i++) most = Math.max(most, Math.abs(peaks[i]));
  for (let bar = 0; bar < bars; bar++) {
    const from = Math.floor((bar * count) / bars), to = Math.max(from + 1, Math.floor(((bar + 1) * count) / bars));
    let low = 0, high = 0;
    for (let i = from; i < to && i < count; i++) {
      low = Math.min(low, peaks[2 * i]);
      high = Math.max(high, peaks[2 * i + 1]);
    }
    paint.fillStyle = bar / bars < share ? style.caretColor : style.color;
    const top = Math.max(ratio, (high / most) * middle * 0.92), bottom = Math.max(ratio, (-low / most) * middle * 0.92);
    paint.beginPath();
    paint.roundRect(bar * BAR * ratio, middle - top, (BAR - 1) * ratio, top + bottom, ratio);
    paint.fill();
  }
}

export function Wave({ peaks, position, duration, onSeek, disabled, label = "Position" }) {
  const canvas = useRef(null);
  const paint = () => { if (canvas.current) draw(canvas.current, peaks, duration ? position / duration : 0); };
  const latest = useRef(paint);
  latest.current = paint;
  useEffect(paint, [peaks, Math.round((position / (duration || 1)) * 400), duration]);
  useEffect(() => {
    const repaint = () => latest.current();
    const sized = new ResizeObserver(repaint);
    sized.observe(canvas.current);
    const themes = new MutationObserver(repaint);
    themes.observe(document.documentElement, { attributes: true });
    const system = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((each) => matchMedia(each));
    for (const each of system) each.addEventListener("change", repaint);
    return () => { sized.disconnect(); themes.disconnect(); for (const each of system) each.removeEventListener("change", repaint); };
  }, []);
  return html`<div class="wave"><canvas ref=${canvas} aria-hidden="true"></canvas>
    <input type="range" aria-label=${label} min="0" max=${duration || 0} step="0.1" value=${position} disabled=${disabled || !duration}
      aria-valuetext="${clock(position)} of ${clock(duration)}" onInput=${(event) => onSeek(Number(event.target.value))} /></div>`;
}
