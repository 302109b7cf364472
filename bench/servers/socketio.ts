/**
 * Socket.IO 4 as its documentation shows it: a room joined on connection, and `io.to(room).emit` for each message.
 * Only the transport is fixed to WebSocket, as everywhere else in this benchmark; all other settings are the defaults.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { report } from './control.ts';

const http = createServer();
const io = new Server(http, { transports: ['websocket'] });
io.on('connection', (socket) => {
  const room = String(socket.handshake.query['room']);
  void socket.join(room);
  socket.on('m', (message: unknown) => {
    io.to(room).emit('m', message);
  });
});
http.listen(0, '127.0.0.1', () => report((http.address() as AddressInfo).port));
