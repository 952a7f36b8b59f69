'use strict';
// What Node's HTTP server makes of a case; input and output as verdict.c has
// them. Each case is sent on a connection of its own, which is then half-closed.
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');

const PATIENCE_MS = 5000;

const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function split(input) {
  const cases = [];
  for (let at = 0; at < input.length;) {
    const n = input.readUInt32BE(at);
    cases.push(input.subarray(at + 4, at + 4 + n));
    at += 4 + n;
  }
  return cases;
}

function authority(request) {
  return hex(request.headers.host === undefined ? '' : request.headers.host);
}

// Absolute form is cut down to its path, as our machine gives it.
function target(request) {
  return hex(request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, ''));
}

function onRequest(request, response) {
  const parts = [];
  const socket = request.socket;
  const place = socket.pharosRequests.push(null) - 1;
  request.on('data', (bytes) => parts.push(bytes));
  request.on('end', () => {
    if (!request.complete) {
      return;
    }
    socket.pharosRequests[place] = [request.method, target(request),
      authority(request), Buffer.concat(parts).toString('hex')].join(':');
    response.writeHead(200, { 'Content-Length': 0 });
    response.end();
  });
}

function onConnect(request, socket, head) {
  const parts = [head];
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  socket.on('data', (bytes) => parts.push(bytes));
  socket.on('end', () => {
    socket.pharosRequests.push(['CONNECT', '', hex(request.url),
      Buffer.concat(parts).toString('hex')].join(':'));
    socket.end();
  });
  socket.resume();
}

function onClientError(error, socket) {
  socket.pharosError = error.code;
  if (socket.writable) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  } else {
    socket.destroy();
  }
}

// An end in the middle is not a refusal, nor are bytes after the last request
// that the connection was to carry: our machine does not look at those.
function verdict(socket, output) {
  const whole = socket.pharosRequests.filter((group) => group);
  const error = socket.pharosError;
  let end = 'ok';
  if (error === 'HPE_INVALID_EOF_STATE' ||
      whole.length < socket.pharosRequests.length) {
    end = 'incomplete';
  }
  if (error === 'HPE_CLOSED_CONNECTION') {
    end = 'ok';
  } else if (error && error !== 'HPE_INVALID_EOF_STATE' &&
             error !== 'ECONNRESET') {
    end = 'refused';
  }
  const statuses = output.match(/HTTP\/1\.1 (\d+)/g) || [];
  if (!error && statuses.some((line) => Number(line.slice(9)) >= 400)) {
    end = 'refused';
  }
  return [...whole, end].join(' ');
}

function play(place, waiting, bytes) {
  return new Promise((resolve, reject) => {
    let output = '';
    const client = net.connect({ path: place, allowHalfOpen: true });
    const timer = setTimeout(
      () => reject(new Error(`no end for ${JSON.stringify(
        bytes.toString('latin1'))}`)), PATIENCE_MS);
    client.on('connect', () => {
      waiting.push((socket) => {
        socket.pharosRequests = [];
        let open = 2;
        const closed = () => {
          open -= 1;
          if (open === 0) {
            clearTimeout(timer);
            resolve(verdict(socket, output));
          }
        };
        socket.on('close', closed);
        client.on('close', closed);
        client.end(bytes);
      });
    });
    client.on('data', (part) => { output += part.toString('latin1'); });
    client.on('end', () => client.end());
    client.on('error', () => {});
  });
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pharos-'));
  const place = path.join(folder, 'socket');
  const cases = split(fs.readFileSync(0));
  const server = http.createServer(onRequest);
  const waiting = [];
  server.on('connect', onConnect);
  server.on('clientError', onClientError);
  // Connections arrive in the order in which they were made; each takes the
  // next case, so a server socket and its client socket know each other.
  server.prependListener('connection', (socket) => {
    const next = () => (waiting.length ? waiting.shift()(socket) :
      setImmediate(next));
    socket.pharosRequests = [];
    next();
  });
  await new Promise((resolve) => server.listen(place, resolve));
  const lines = new Array(cases.length);
  for (let i = 0; i < cases.length; i += 1) {
    lines[i] = await play(place, waiting, cases[i]);
  }
  server.close();
  fs.rmSync(folder, { recursive: true });
  process.stdout.write(`${lines.join('\n')}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
