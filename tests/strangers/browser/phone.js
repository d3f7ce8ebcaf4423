// Takes orders from the test (GET /order) and tells it what happens (POST /event); all SIP is JsSIP's.
// Not here: the test (browser_phone.py).
"use strict";

const tell = (kind, more = {}) => fetch("/event", { method: "POST", body: JSON.stringify({ kind, ...more }) });
window.addEventListener("error", (error) => tell("error", { text: error.message }));
window.addEventListener("unhandledrejection", (error) => tell("error", { text: String(error.reason) }));

let ua = null;
let session = null;

const header = (message, name) => (message && message.getHeader ? message.getHeader(name) || "" : "");

// A machine without a microphone has this sound.
const silence = () => new AudioContext().createMediaStreamDestination().stream;

function follow(one) {
  session = one;
  for (const name of ["connecting", "peerconnection", "sending", "progress", "accepted", "confirmed", "ended"]) {
    one.on(name, (event) => tell(name, { originator: event.originator }));
  }
  // Nobody is waited for who could tell where else sound may go: what is known first is offered.
  one.on("icecandidate", (event) => event.ready());
  for (const name of ["getusermediafailed", "peerconnection:createofferfailed", "peerconnection:setlocaldescriptionfailed"]) {
    one.on(name, (error) => tell("error", { text: `${name}: ${error}` }));
  }
  one.on("failed", (event) =>
    tell("failed", {
      cause: event.cause,
      originator: event.originator,
      status: event.message && event.message.status_code,
      warning: header(event.message, "Warning"),
    }));
}

const orders = {
  register({ socket, user, password, realm }) {
    ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(socket)],
      uri: `sip:${user}@${realm}`,
      password,
      session_timers: false,
      register_expires: 120,
    });
    for (const name of ["connected", "disconnected", "registered", "unregistered"]) ua.on(name, () => tell(name));
    ua.on("registrationFailed", (event) => tell("registrationFailed", { cause: event.cause }));
    ua.on("newOptions", (event) => tell("options", { originator: event.originator }));
    ua.on("newRTCSession", ({ originator, request, session: one }) => {
      follow(one);
      if (originator === "remote") tell("ringing", { uri: String(request.ruri), from: String(request.from.uri), sdp: request.body || "" });
    });
    ua.start();
  },
  call({ uri }) {
    ua.call(uri, { mediaStream: silence() });
  },
  answer() {
    session.answer({ mediaStream: silence() });
  },
  refuse({ status }) {
    session.terminate({ status_code: status });
  },
  unregister() {
    ua.unregister({ all: false });
  },
};

(async () => {
  await tell("loaded", { agent: navigator.userAgent, jssip: JsSIP.version });
  for (;;) {
    const order = await (await fetch("/order")).json();
    if (order) orders[order.what](order);
  }
})();
