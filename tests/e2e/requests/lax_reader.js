// Reads recorded connections as Node's lenient parser does: on each input line a connection's bytes in base64, for each an output
// line with a JSON list of [method, target, body in base64] of its whole requests.
'use strict';
const http = require('http');
const net = require('net');
const readline = require('readline');

function read(bytes) {
  return new Promise((resolve) => {
    const requests = [];
    const serve = (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        requests.push([request.method, request.url, Buffer.concat(parts).toString('base64')]);
        response.end();
      });
      request.on('error', () => {});
    };
    const server = http.createServer({ insecureHTTPParser: true, maxHeaderSize: 1 << 20 }, serve);
    server.maxHeadersCount = 0;
    server.on('checkExpectation', serve);
    server.on('clientError', (error, socket) => socket.destroy());
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.end(bytes));
      socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => server.close(() => resolve(requests)));
    });
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await read(Buffer.from(line, 'base64'))));
  }
})();
