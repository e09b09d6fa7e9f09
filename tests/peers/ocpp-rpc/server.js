// A server of somebody else's making, for tests: ocpp-rpc in strict mode, which checks each frame by its own schemas.
//
//   node server.js [PORT]      prints the port on which it listens
//
// GET /books: its transactions, as the harness reads books. GET /problems: what broke a schema. GET /health: 204.
"use strict";
const http = require("http");
const {RPCServer} = require("ocpp-rpc");

const books = new Map(); // transaction id → entry
const problems = [];
let lastId = 0;

const rpc = new RPCServer({protocols: ["ocpp2.0.1", "ocpp1.6"], strictMode: true, pingIntervalMs: 0, callTimeoutMs: 30000});
rpc.auth((accept, reject, handshake) => {
  const password = handshake.password && handshake.password.toString();
  if (process.env.PEER_PASSWORD && password !== process.env.PEER_PASSWORD) reject(401, "wrong password");
  else accept({});
});

function begin(station, id, start, wh) {
  for (const entry of books.values()) // what was told before is not booked again
    if (entry.station === station && entry.start === start && entry.start_wh === wh) return entry.transaction;
  books.set(id, {station, transaction: id, start, start_wh: wh, stop: null, stop_wh: null});
  return id;
}

function end(id, stop, wh) {
  const entry = books.get(id);
  if (entry && entry.stop === null) Object.assign(entry, {stop, stop_wh: wh});
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
  client.handle("MeterValues", () => ({}));
  client.handle("Authorize", () => client.protocol === "ocpp1.6"
    ? {idTagInfo: {status: "Accepted"}} : {idTokenInfo: {status: "Accepted"}});
  client.handle("StartTransaction", ({params}) => {
    const id = begin(client.identity, ++lastId, params.timestamp, params.meterStart);
    return {idTagInfo: {status: "Accepted"}, transactionId: id};
  });
  client.handle("StopTransaction", ({params}) => {
    end(params.transactionId, params.timestamp, params.meterStop);
    return {};
  });
  client.handle("TransactionEvent", ({params}) => {
    const id = params.transactionInfo.transactionId;
    if (params.eventType === "Started") begin(client.identity, id, params.timestamp, register(params));
    if (params.eventType === "Ended") end(id, params.timestamp, register(params));
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
