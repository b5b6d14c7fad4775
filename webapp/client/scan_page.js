// The scan page: one code is looked for, and its page is opened. A code of others leads nowhere.

import { harmless, label } from "./codes.js";
import { Finder } from "./finder.js";

const LOOKS = 3; // pictures in which others are looked for once a code was read, so that of several none wins by chance
const SLOW = 12_000; // milliseconds without a code after which there is advice

export class Scan extends Finder {
  constructor(root) {
    super(root);
    this.part("again").addEventListener("click", () => this.start());
  }

  start(deviceId) {
    this.part("found").replaceChildren();
    this.part("again").hidden = true;
    return super.start(deviceId);
  }

  // Looks at one picture after the other, the next as soon as one is read, until there is a label's code.
  async looking(next) {
    this.say("looking");
    let [seen, left] = [new Set(), LOOKS];
    const since = performance.now();
    for (let found = await next(); found; found = await next()) {
      for (const text of found) seen.add(text);
      const texts = [...seen];
      if (texts.length && --left === 0) {
        const ours = texts.filter(label);
        if (ours.length) return texts.length === 1 ? this.#open(ours[0]) : this.#choose(texts);
        this.#list(texts);
        this.say("foreign");
        [seen, left] = [new Set(), LOOKS];
      } else if (!texts.length && this.state === "looking" && performance.now() - since > SLOW) {
        this.say("slow");
      }
    }
  }

  #open(text) {
    this.stop("opening");
    location.assign(this.#address(text));
  }

  #choose(texts) {
    this.stop("choose");
    this.part("offer").hidden = true;
    this.part("again").hidden = false;
    this.#list(texts);
    this.part("found").querySelector("a").focus();
  }

  #address(text) {
    return `${this.data.check}?link=${encodeURIComponent(text)}`;
  }

  // Shows codes: a label's as a link to its check, any other as a text that leads nowhere.
  #list(texts) {
    const ours = texts.filter(label);
    const others = texts.filter((text) => !label(text));
    const lines = [...ours.map((text) => this.#ours(text)), ...others.map((text) => this.#other(text, ours.length > 0))];
    this.part("found").replaceChildren(...lines);
  }

  #ours(text) {
    const line = this.line("ours");
    const { serial, gtin, host } = label(text);
    line.querySelector("a").href = this.#address(text);
    line.querySelector('[data-part="serial"]').textContent = serial;
    line.querySelector('[data-part="gtin"]').textContent = gtin;
    line.querySelector('[data-part="host"]').textContent = host;
    return line;
  }

  #other(text, named) {
    const line = this.line("other");
    line.querySelector("strong").hidden = !named;
    line.querySelector("bdi").textContent = harmless(text);
    return line;
  }
}
