// `<upload-form data-next="/runs/new?who=rows">` shows how far the file of the form in it has come. Then it goes on at that
// address, with the file's number as `upload`. What goes wrong is told, and the form is there to be sent again.

import { make } from "./make.js";
import { signInAgain } from "./session.js";

export class UploadForm extends HTMLElement {
  #bar = make("progress", { max: 100, value: 0, ariaLabel: "Sending the file" });
  #status = make("p");
  /** @type {XMLHttpRequest | undefined} */
  #request;

  connectedCallback() {
    const form = this.querySelector("form");
    if (!form || this.#status.isConnected) return;
    this.#status.setAttribute("role", "status");
    this.#bar.hidden = true;
    form.append(this.#bar, this.#status);
    form.addEventListener("submit", (event) => {
      const [file] = this.querySelector("input")?.files ?? [];
      if (!file) return;
      event.preventDefault();
      if (!this.#request) this.#send(form, file);
    });
  }

  disconnectedCallback() {
    this.#request?.abort();
  }

  /**
   * @param {HTMLFormElement} form
   * @param {File} file
   */
  #send(form, file) {
    const request = new XMLHttpRequest();
    this.#request = request;
    this.#bar.hidden = false;
    this.#bar.value = 0;
    this.#status.textContent = `Sending ${file.name}…`;
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      const percent = total ? Math.floor((loaded * 100) / total) : 0;
      this.#bar.value = percent;
      // Whoever listens is told every tenth.
      if (percent % 10 === 0)
        this.#status.textContent = percent < 100 ? `${percent} % sent` : "Sent. It is being kept…";
    });
    request.addEventListener("load", () => {
      if (request.status === 401) return this.#signIn(form, file);
      if (request.status !== 201) return this.#failed(request.response?.detail ?? "The server did not take it.");
      const next = new URL(this.dataset.next ?? "/runs/new", location.href);
      next.searchParams.set("upload", request.response.upload_id);
      location.assign(next);
    });
    request.addEventListener("error", () => this.#failed("The connection was lost."));
    request.open("POST", `/api/v1/uploads?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(file);
  }

  /**
   * Sends the file again after the administrator has signed in again.
   * @param {HTMLFormElement} form
   * @param {File} file
   */
  async #signIn(form, file) {
    if (await signInAgain()) this.#send(form, file);
    else this.#failed("Your session has ended.");
  }

  /** @param {string} why */
  #failed(why) {
    this.#request = undefined;
    this.#bar.hidden = true;
    this.#status.textContent = `${why} Send it again.`;
  }
}
