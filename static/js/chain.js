// The chain that binds every picture to its ticket, to this socket, and to all pictures before it.

async function sha256(...parts) {
  const bytes = await new Blob(parts).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** `nonce` is what the server drew, in hexadecimal. */
export class FrameChain {
  #link;
  #nonce;

  constructor(ticket, nonce) {
    this.#link = sha256(ticket);
    this.#nonce = Uint8Array.from(nonce.match(/../g), (pair) => parseInt(pair, 16));
  }

  /** The message that carries the next JPEG: its link, then the picture. */
  async seal(jpeg) {
    this.#link = sha256(await this.#link, this.#nonce, jpeg);
    return new Blob([await this.#link, jpeg]);
  }
}
