/*
 * One TCP connection: opened, written to, read from. It carries bytes between the socket and wire.c, and keeps what a
 * read cut off until the rest is there. A server that stops reading ends the run: what we send always fits a socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

/* One source address has some 28,000 ports; a new one is taken well before. */
#define CONNECTIONS_PER_ADDRESS 20000
#define READ_SIZE (256 * 1024)

/*
 * On the loopback interface a packet holds 64 KiB and the server's kernel would take megabytes for whoever doesn't read.
 * A stalled connection has the packets of an Ethernet instead, and room for little.
 */
#define STALLED_PACKET 1448
#define STALLED_ROOM 4096
#define RESUMED_ROOM (1024 * 1024)

static uint8_t inbox[sizeof((struct connection *)0)->carry + READ_SIZE];

void fail(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fprintf(stderr, "generator: ");
  vfprintf(stderr, format, list);
  fprintf(stderr, "\n");
  va_end(list);
  exit(1);
}

/* Connects and asks for the upgrade; the answer is read like everything else. */
void connection_open(struct connection *c, uint32_t number) {
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / CONNECTIONS_PER_ADDRESS);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons((uint16_t)config.port);
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) fail("no socket for connection %u: %s", number, strerror(errno));
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (c->stalled) {
    int packet = STALLED_PACKET, room = STALLED_ROOM;
    setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &packet, sizeof packet);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind: %s", strerror(errno));
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connection %u: %s", number, strerror(errno));
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  char request[2048];
  connection_write(c, request, dialect_request(c, request, sizeof request));
}

/* From now on a stalled connection is like any other. */
void connection_resume(struct connection *c) {
  int room = RESUMED_ROOM;
  setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  c->stalled = 0;
}

void connection_write(struct connection *c, const void *data, size_t size) {
  ssize_t written = write(c->fd, data, size);
  if (written != (ssize_t)size) fail("the server stopped reading: %s", written < 0 ? strerror(errno) : "its window is full");
}

/* Takes the answer to the upgrade request; returns its size, 0 while it isn't complete. */
static size_t take_response(struct connection *c, const uint8_t *data, size_t size) {
  const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(data, "HTTP/1.1 101", 12) != 0) fail("the server refused the upgrade: %.*s", (int)(end - data), (const char *)data);
  c->stage = JOINING;
  dialect_upgraded(c);
  return (size_t)(end - data) + 4;
}

/* Reads once and handles what came; returns whether there may be more, since a wait tells of each arrival only once. */
static int read_once(struct connection *c) {
  size_t size = c->carry_size;
  memcpy(inbox, c->carry, size);
  ssize_t got = read(c->fd, inbox + size, READ_SIZE);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) fail("the server ended a connection: %s", got < 0 ? strerror(errno) : "end of file");
  size += (size_t)got;
  size_t used = c->stage == HANDSHAKE ? take_response(c, inbox, size) : 0;
  if (c->stage != HANDSHAKE) used += frames_take(c, inbox + used, size - used);
  c->carry_size = (uint32_t)(size - used);
  if (c->carry_size > sizeof c->carry) fail("the server sent what can't be read");
  memcpy(c->carry, inbox + used, c->carry_size);
  return got == READ_SIZE;
}

/* Reads all that is there and handles it. */
void connection_read(struct connection *c) {
  while (read_once(c)) continue;
}
