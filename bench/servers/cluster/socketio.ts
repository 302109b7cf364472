/**
 * One node of Socket.IO, like the single one beside this folder but for its adapter. Who starts a node
 * says which adapter that is.
 */
import { createServer } from 'node:http';
import { Server, type ServerOptions } from 'socket.io';
import { listenTogether } from './nodes.ts';

/** Serves rooms; each message goes to all who are in its room, on whichever node. */
export async function serveRooms(adapter: NonNullable<ServerOptions['adapter']>): Promise<void> {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], adapter });
  io.on('connection', (socket) => {
    const room = String(socket.handshake.query['room']);
    void socket.join(room);
    socket.on('m', (message: unknown) => {
      io.to(room).emit('m', message);
    });
  });
  await listenTogether(http);
}
