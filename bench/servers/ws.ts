/**
 * The ten lines that everybody writes first: rooms by URL path, and whatever a member says goes to the whole room.
 * It promises nothing about order, loss or slow readers, and is here as the floor: the least that a broadcast costs.
 */
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { report } from './control.ts';

const rooms = new Map<string, Set<WebSocket>>();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('connection', (socket, request) => {
  const path = request.url ?? '/';
  const room = rooms.get(path) ?? new Set();
  rooms.set(path, room.add(socket));
  socket.on('message', (data, isBinary) => {
    for (const member of room)
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary: isBinary });
  });
  socket.on('close', () => room.delete(socket));
});
server.on('listening', () => report((server.address() as AddressInfo).port));
