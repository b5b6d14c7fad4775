// The list page's camera: one code after the other is held before it, and becomes a line of the list. Nothing is sent.

import { label } from "./codes.js";
import { Finder } from "./finder.js";

const AWAY = 1500; // milliseconds out of the picture after which a code has gone, and may come again on another item
const SHORT = 0.08; // seconds of the tone

class Gatherer extends Finder {
  #list; // the text box
  #here = new Map(); // when each code in the picture was last seen
  #again = null; // what may be on another item
  #tones = null;

  constructor(root, list) {
    super(root);
    this.#list = list;
    this.part("more").addEventListener("click", () => this.#add(this.#again));
  }

  start(deviceId) {
    this.#here.clear();
    this.#tones ??= globalThis.AudioContext && new AudioContext(); // a tap allows it
    this.#ask(null);
    return super.start(deviceId);
  }

  stop(why, focus = false) {
    this.#ask(null);
    super.stop(why, focus);
  }

  async looking(next) {
    this.say("gathering");
    for (let found = await next(); found; found = await next()) {
      const now = performance.now();
      for (const [text, at] of this.#here) if (now - at > AWAY) this.#here.delete(text);
      for (const text of found.map(oneLine)) {
        const isNew = text && !this.#here.has(text);
        this.#here.set(text, now);
        if (!isNew) continue;
        if (this.#lines().includes(text)) this.#ask(text);
        else this.#add(text);
      }
    }
  }

  #lines() {
    return this.#list.value.split("\n").map((line) => line.trim());
  }

  #add(text) {
    const { value } = this.#list;
    this.#list.value = `${value}${!value || value.endsWith("\n") ? "" : "\n"}${text}\n`;
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#ask(null);
    this.part("count").textContent = this.#lines().filter(Boolean).length;
    this.part("last").textContent = label(text)?.serial ?? text;
    this.part("gathered").hidden = false;
    this.data.state = ""; // so that it is said each time
    this.say("added");
    this.#sound();
  }

  // Asks whether a code that is in the list already is on another item; null asks nothing.
  #ask(text) {
    if (text === null && this.#again === null) return;
    this.#again = text;
    this.part("repeated").hidden = text === null;
    if (text === null) return;
    this.part("twice").textContent = label(text)?.serial ?? text;
    this.say("repeated");
  }

  #sound() {
    navigator.vibrate?.(60);
    if (!this.#tones) return;
    const tone = this.#tones.createOscillator();
    tone.frequency.value = 1200;
    tone.connect(this.#tones.destination);
    tone.start();
    tone.stop(this.#tones.currentTime + SHORT);
  }
}

// A code is one line of the list, whatever is in it.
const oneLine = (text) => text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();

const root = globalThis.document?.getElementById("gather");
if (root) new Gatherer(root, document.getElementById("codes"));
