// Which screen is shown: the part of the address behind `#/`.
import { createStore } from "./ui.js";

const read = () => location.hash.replace(/^#\/?/, "").split("?")[0] || "speech";
export const route = createStore({ page: read(), turn: 0 });
addEventListener("hashchange", () => route.set({ page: read() }));

export const go = (page) => {
  if (read() === page) route.set({ page, turn: Math.random() });
  else location.hash = `#/${page}`;
};
