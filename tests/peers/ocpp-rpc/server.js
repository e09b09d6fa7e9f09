// A server of somebody else's making, for tests: ocpp-rpc in strict mode, which checks each frame by its own schemas.
//
//   node server.js [PORT]      prints the port on which it listens
//
// PEER_BOOKS=FILE keeps the books over a restart. PEER_WRONG=WHAT makes it do one thing wrong, see WRONG.
//
// GET /books: its transactions, as the harness reads books. GET /problems: what broke a schema. GET /health: 204.
"use strict";
const fs = require("fs");
const http = require("http");
const {RPCServer, createRPCError} = require("ocpp-rpc");

const WRONG = {
  "books-repeated-start": "a start that is told again is booked again",
  "books-repeated-end": "an end that is told again is booked as another session",
  "error-to-unknown": "the end of a session that it does not know is answered with an error",
  "silent-to-unknown": "the end of a session that it does not know is never answered",
  "closes-on-unknown": "on the end of a session that it does not know it closes the connection",
  "invalid-answer": "the answer to a reading breaks its schema",
  "forgets-at-restart": "its books are empty after a restart",
};
const wrong = process.env.PEER_WRONG || "";
if (wrong && !WRONG[wrong]) throw new Error(`no such wrong: ${wrong}`);

const file = process.env.PEER_BOOKS || "";
const kept = file && fs.existsSync(file) && wrong !== "forgets-at-restart" ? JSON.parse(fs.readFileSync(file)) : [];
const books = new Map(kept);
const problems = [];
let lastId = Math.max(0, ...[...books.keys()].filter(id => typeof id === "number"));

function keep() {
  if (file) fs.writeFileSync(file, JSON.stringify([...books]));
}

// An answer that breaks its schema is sent by a server that does not look.
const strictMode = wrong !== "invalid-answer";
const rpc = new RPCServer({protocols: ["ocpp2.0.1", "ocpp1.6"], strictMode, pingIntervalMs: 0, callTimeoutMs: 30000});
rpc.auth((accept, reject, handshake) => {
  const password = handshake.password && handshake.password.toString();
  if (process.env.PEER_PASSWORD && password !== process.env.PEER_PASSWORD) reject(401, "wrong password");
  else accept({});
});

function begin(client, id, start, wh) {
  const station = client.identity;
  for (const entry of books.values()) // what was told before is not booked again
    if (entry.station === station && entry.start === start && entry.start_wh === wh) {
      if (wrong !== "books-repeated-start") return entry.transaction;
      id = typeof id === "number" ? id : `${id}-again`;
    }
  books.set(key(client, id), {station, transaction: id, start, start_wh: wh, stop: null, stop_wh: null});
  keep();
  return id;
}

function end(client, id, stop, wh) {
  const entry = books.get(key(client, id));
  if (!entry) return unknown(client);
  if (entry.stop === null) Object.assign(entry, {stop, stop_wh: wh});
  else if (wrong === "books-repeated-end") books.set(`${id} again`, {...entry, stop, stop_wh: wh});
  keep();
  return {};
}

function key(client, id) { // an id that a station gave is its own alone
  return typeof id === "number" ? id : `${client.identity} ${id}`;
}

function unknown(client) {
  if (wrong === "error-to-unknown") throw createRPCError("InternalError", "no such transaction");
  if (wrong === "silent-to-unknown") return new Promise(() => {});
  if (wrong === "closes-on-unknown") client.close({code: 1011, force: true});
  return {};
}

function register(event) {
  return Math.round(event.meterValue[0].sampledValue[0].value);
}

rpc.on("client", client => {
  client.on("strictValidationFailure", ({error, outbound}) =>
    problems.push({station: client.identity, outbound, error: error.message, details: error.details}));
  client.on("badMessage", ({error}) => problems.push({station: client.identity, error: String(error)}));
  const now = () => ({currentTime: new Date().toISOString()});
  client.handle("BootNotification", () => ({status: "Accepted", interval: 300, ...now()}));
  client.handle("Heartbeat", now);
  client.handle("StatusNotification", () => ({}));
  client.handle("MeterValues", () => wrong === "invalid-answer" ? {thanks: "a lot"} : {});
  client.handle("Authorize", () => client.protocol === "ocpp1.6"
    ? {idTagInfo: {status: "Accepted"}} : {idTokenInfo: {status: "Accepted"}});
  client.handle("StartTransaction", ({params}) => {
    const id = begin(client, ++lastId, params.timestamp, params.meterStart);
    return {idTagInfo: {status: "Accepted"}, transactionId: id};
  });
  client.handle("StopTransaction", ({params}) => {
    return end(client, params.transactionId, params.timestamp, params.meterStop);
  });
  client.handle("TransactionEvent", ({params}) => {
    const id = params.transactionInfo.transactionId;
    if (params.eventType === "Started") begin(client, id, params.timestamp, register(params));
    if (params.eventType === "Ended") end(client, id, params.timestamp, register(params));
    return params.idToken ? {idTokenInfo: {status: "Accepted"}} : {};
  });
});

const pages = {"/books": () => [...books.values()], "/problems": () => problems, "/health": () => ({})};
const server = http.createServer((request, response) => {
  const page = pages[request.url];
  response.writeHead(page ? 200 : 404, {"Content-Type": "application/json"});
  response.end(page ? JSON.stringify(page()) : "");
});
server.on("upgrade", rpc.handleUpgrade);
server.listen(Number(process.argv[2] || 0), "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => process.exit(0));
