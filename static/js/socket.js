// The conversation with the server: a ticket, then one picture after the other, each only after
// the last was answered.

import { FrameChain } from "./chain.js";
import { failureOf } from "./words.js";

const PATIENCE = 15_000;
// In line the server may have nothing new to say for a while; it ends the wait by itself.
const LINE_PATIENCE = 60_000;

/**
 * Opens the socket and redeems the ticket. `about` holds `camera`, its name, and `skipsFlash`; `on` holds wait(message),
 * ready(message), hint(message), flash(colour), verdict(message) and failure(kind); after verdict or failure nothing more
 * is called.
 */
export class LivenessSocket {
  #socket;
  #on;
  #ticket;
  #chain = null;
  #error = null;
  #opened = false;
  #ended = false;
  #timer = 0;

  constructor(path, ticket, about, on) {
    this.#on = on;
    this.#ticket = ticket;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}${path}`);
    this.#socket.addEventListener("open", () => this.#start(about));
    this.#socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    this.#socket.addEventListener("close", (event) => this.#closed(event.code));
    this.#wait();
  }

  /** Send one JPEG, chained to those before. */
  async send(blob) {
    const message = await this.#chain.seal(blob);
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(message);
    this.#wait();
  }

  /** The person changed their mind. */
  cancel() {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: "cancel" }));
    }
    this.close();
  }

  close() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #start({ camera, skipsFlash }) {
    this.#opened = true;
    const ticket = this.#ticket;
    const flash = skipsFlash ? "skip" : undefined;
    this.#socket.send(JSON.stringify({ type: "start", ticket, camera, flash }));
  }

  #receive(message) {
    if (message.type === "flash" && !this.#ended) return this.#on.flash(message.colour);
    clearTimeout(this.#timer);
    if (this.#ended) return;
    if (message.type === "error") this.#error = message.code;
    if (message.type === "wait") {
      this.#wait(LINE_PATIENCE);
      this.#on.wait(message);
    }
    if (message.type === "ready") {
      this.#chain = new FrameChain(this.#ticket, message.nonce);
      this.#on.ready(message);
    }
    if (message.type === "hint") this.#on.hint(message);
    if (message.type === "verdict") {
      this.#ended = true;
      this.#on.verdict(message);
    }
  }

  #closed(code) {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#ended = true;
    this.#on.failure(failureOf(this.#error, code, this.#opened));
  }

  #wait(patience = PATIENCE) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#socket.close();
      this.#closed(0);
    }, patience);
  }
}
