// Line icons on a grid of 24.
import { html } from "../ui.js";

const PATHS = {
  play: "M8 5.5v13l10.5-6.5z", pause: "M8 5.5v13M16 5.5v13", stop: "M7 7h10v10H7z",
  previous: "M17.5 6v12L9 12zM6.5 6v12", next: "M6.5 6v12L15 12zM17.5 6v12",
  download: "M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14", again: "M19 12a7 7 0 1 1-2-4.9M19 4v4.5h-4.5",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
  speech: "M4 5.5h16v10.5h-8L7.5 20v-4H4z", changer: "M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  effects: "M4 12h2.5l2-6 3.5 12 3-9 1.5 3H20", history: "M12 7.5V12l3.5 2M4.5 12a7.5 7.5 0 1 0 2.2-5.3L4.5 9M4.5 4.5V9H9",
  batches: "M4 6.5h16M4 12h16M4 17.5h10", sliders: "M4 7.5h7M16 7.5h4M11 5h5v5h-5zM4 16.5h3M12 16.5h8M7 14h5v5H7z",
  voices: "M9.5 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 19.5c.8-3.5 3.4-5 6.5-5s5.7 1.5 6.5 5M16.5 5a3.5 3.5 0 0 1 0 6M18 14.8c1.600.8 2.6 2.4 3 4.7",
  credits: "M12 4c4.4 0 8 1.6 8 3.5S16.4 11 12 11 4 9.4 4 7.5 7.6 4 12 4zM4 7.5v9C4 18.4 7.6 20 12 20s8-1.6 8-3.5v-9M4 12c0 1.9 3.6 3.5 8 3.5s8-1.6 8-3.5",
  keys: "M14.5 4a5.5 5.5 0 1 1-5 7.8L4 17.5V20h3v-2h2v-2h2l1.2-1.2M16 8.5h.01", system: "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.5h.01M7.5 16.5h.01",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01", close: "M6 6l12 12M18 6 6 18", search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20",
  volume: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11", copy: "M9 9h10v10H9zM15 9V5H5v10h4",
};

export const Icon = ({ name }) => html`<svg class="icon" data-name=${name} viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
