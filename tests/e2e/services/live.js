// A web service that pushes: event streams and a WebSocket that echoes, with Node's own library only.
//   node live.js PORT PAGE
'use strict';
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');

const [port, page] = process.argv.slice(2);
const streams = new Map(); // name -> the answer that is its event stream
const left = { streams: [], sockets: [] }; // names, and [code, reason] of the close frames, of those who went
const COLOURS = ['#1b9e77', '#d95f02', '#7570b3', '#e7298a', '#66a61e'];

const ASSETS = {
  js: ['text/javascript', (n) => `loaded('js', ${n});`],
  css: ['text/css', (n) => `:root { --css${n}: ${n}; } #tile${n} { border: 6px solid ${COLOURS[n % 5]}; }`],
  svg: ['image/svg+xml', (n) => `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="${40 + n}">` +
    `<rect width="100%" height="100%" fill="${COLOURS[(n + 2) % 5]}"/><text x="40" y="30" font-size="24">${n}</text></svg>`],
};

function asset(response, number, kind) {
  const [type, make] = ASSETS[kind];
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
  response.end(make(Number(number)));
}

function eventStream(response, name) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write(`event: open\ndata: ${name}\n\n`);
  streams.set(name, response);
  response.on('close', () => {
    streams.delete(name);
    left.streams.push(name);
  });
}

function say(request, response, name) {
  const digest = createHash('sha256');
  let said = '';
  let size = 0;
  request.on('data', (part) => {
    digest.update(part);
    size += part.length;
    if (name)
      said += part;
  });
  request.on('end', () => {
    if (name)
      streams.get(name).write(`data: ${said}\n\n`);
    response.end(JSON.stringify({ size, sha256: digest.digest('hex') }));
  });
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://service');
  const [, first, second] = pathname.split('/');
  if (first === '') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(readFileSync(page));
  } else if (first === 'asset') {
    asset(response, ...second.split('.'));
  } else if (first === 'events') {
    eventStream(response, second);
  } else if (first === 'say' || first === 'digest') {
    say(request, response, second);
  } else if (first === 'left') {
    response.end(JSON.stringify(left));
  } else if (first === 'favicon.ico') {
    response.writeHead(204).end();
  } else {
    response.writeHead(404).end();
  }
});

// RFC 6455, as much as a server needs.
const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80;

function frame(opcode, payload) {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = FIN | opcode;
  if (length < 126) {
    head[1] = length;
  } else if (length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

// The first frame of `data`: {fin, opcode, payload, end}; null when it is not whole.
function firstFrame(data) {
  if (data.length < 2)
    return null;
  const short = data[1] & 0x7f;
  const mask = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  if (data.length < mask + 4)
    return null;
  const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
  const end = mask + 4 + length;
  if (data.length < end)
    return null;
  const payload = Buffer.from(data.subarray(mask + 4, end));
  for (let i = 0; i < length; i++)
    payload[i] ^= data[mask + (i & 3)];
  return { fin: (data[0] & FIN) !== 0, opcode: data[0] & 0x0f, payload, end };
}

server.on('upgrade', (request, socket, head) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`);
  socket.write(frame(TEXT, Buffer.from('welcome'))); // the service speaks first
  let parts = [head], message = [], kind = 0, goodbye = null;

  const onFrame = ({ fin, opcode, payload }) => {
    if (opcode === PING) {
      socket.write(frame(PONG, payload));
    } else if (opcode === CLOSE) {
      goodbye = [payload.length ? payload.readUInt16BE(0) : 1005, payload.subarray(2).toString()];
      socket.end(frame(CLOSE, payload));
    } else if (opcode !== PONG) {
      kind = opcode || kind;
      message.push(payload);
      if (!fin)
        return;
      const whole = Buffer.concat(message);
      message = [];
      if (kind === TEXT && whole.toString() === 'close me')
        socket.write(frame(CLOSE, Buffer.from('\x0f\xa2the service wants so', 'latin1'))); // 4002
      else
        socket.write(frame(kind, whole));
    }
  };
  const onBytes = (bytes) => {
    parts.push(bytes);
    let data = Buffer.concat(parts);
    for (let next; (next = firstFrame(data)); data = data.subarray(next.end))
      onFrame(next);
    parts = [data];
  };
  socket.on('data', onBytes);
  socket.on('end', () => socket.end()); // Node's HTTP leaves it half open
  socket.on('error', () => {}); // told by close, too
  socket.on('close', () => left.sockets.push(goodbye));
  onBytes(Buffer.alloc(0));
});

server.listen(Number(port), '127.0.0.1');
