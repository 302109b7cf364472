/*
 * The three languages: Syncline's protocol, bare payloads (the ten-line ws server), and Socket.IO over Engine.IO 4.
 * For each: how a connection asks for its room, when it is in, and how a publish is written. Anything a server says
 * that means a refusal ends the run with the server's own words. Where the server wants to know who comes, each
 * connection brings a token.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define TOKENS_MAX 65536

static char *tokens[TOKENS_MAX];
static uint32_t token_count;

/* Reads the file of tokens, where there is one. */
void tokens_load(void) {
  FILE *file = config.tokens ? fopen(config.tokens, "r") : NULL;
  if (config.tokens && !file) fail("the tokens can't be read: %s", strerror(errno));
  while (file && token_count < TOKENS_MAX) {
    char *line = NULL;
    size_t room = 0;
    if (getline(&line, &room, file) <= 1) break;
    line[strcspn(line, "\n")] = 0;
    tokens[token_count++] = line;
  }
  if (config.tokens && token_count == 0) fail("there are no tokens in %s", config.tokens);
  if (file) fclose(file);
}

static int begins(const char *text, size_t seen, const char *with) {
  size_t size = strlen(with);
  return seen >= size && memcmp(text, with, size) == 0;
}

static void send_text(struct connection *c, const char *text) {
  uint8_t frame[PUBLISH_SIZE];
  connection_write(c, frame, frame_put(frame, 1, text, strlen(text)));
}

static void ready(struct connection *c) {
  if (c->stage == READY) return;
  c->stage = READY;
  totals.ready++;
}

/* The upgrade request; the room is in the URL where the language has no frame to ask for one. */
size_t dialect_request(const struct connection *c, char *to, size_t size) {
  char path[80];
  const char *protocol = "";
  if (config.dialect == SYNCLINE) {
    snprintf(path, sizeof path, "/sync");
    protocol = "Sec-WebSocket-Protocol: syncline.v1\r\n";
  } else if (config.dialect == SOCKETIO) {
    snprintf(path, sizeof path, "/socket.io/?EIO=4&transport=websocket&room=%u", c->room);
  } else {
    snprintf(path, sizeof path, "/bench/%u", c->room);
  }
  char identity[1024] = "";
  if (token_count > 0) {
    const char *token = tokens[(size_t)(c - connections) % token_count];
    snprintf(identity, sizeof identity, "Authorization: Bearer %s\r\n", token);
  }
  int written = snprintf(to, size,
                         "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3luY2xpbmUgYmVuY2hlcg==\r\n%s%s\r\n",
                         path, config.port, protocol, identity);
  if ((size_t)written >= size) fail("the request is too long");
  return (size_t)written;
}

/* Called when the 101 is there. */
void dialect_upgraded(struct connection *c) {
  if (config.dialect == PLAIN) ready(c);
  if (config.dialect != SYNCLINE) return;
  char text[64];
  snprintf(text, sizeof text, "[\"subscribe\",1,\"bench/%u\",0]", c->room);
  send_text(c, text);
}

/* Called at the beginning of each text frame; `seen` of its `size` bytes are there. */
void dialect_text(struct connection *c, const char *text, size_t seen, uint64_t size) {
  if (config.dialect == SYNCLINE) {
    if (!begins(text, seen, "[\"")) return;
    if (begins(text, seen, "[\"subscribed\"")) ready(c);
    int refused = begins(text, seen, "[\"error\"") || begins(text, seen, "[\"gap\"") || begins(text, seen, "[\"bye\"");
    if (refused) fail("the server said %.*s", seen < 300 ? (int)seen : 300, text);
  } else if (config.dialect == SOCKETIO) {
    if (begins(text, seen, "42")) return;
    if (size == 1 && text[0] == '2') send_text(c, "3");
    if (begins(text, seen, "0{")) send_text(c, "40");
    if (begins(text, seen, "40")) ready(c);
    if (begins(text, seen, "41") || begins(text, seen, "44")) fail("the server said %.*s", (int)(seen < 300 ? seen : 300), text);
  }
}

/* Writes the next publish of a connection as a frame of less than PUBLISH_SIZE bytes. Its sequence number is `c->sent`. */
size_t dialect_publish(struct connection *c, uint64_t time_ns, uint8_t *to) {
  char text[PUBLISH_SIZE - 16];
  uint32_t number = c->room * config.publishers + (uint32_t)c->slot;
  int at = 0;
  const char *tail = "";
  if (config.dialect == SYNCLINE) {
    const char *format = "[\"publish\",%u,\"bench/%u\",\"p%u\",%u,";
    at = snprintf(text, sizeof text, format, c->sent + 1, c->room, number, c->sent);
    tail = "]";
  } else if (config.dialect == SOCKETIO) {
    at = snprintf(text, sizeof text, "42[\"m\",");
    tail = "]";
  }
  payload_put(text + at, number, c->sent, time_ns);
  size_t size = (size_t)at + config.payload;
  memcpy(text + size, tail, strlen(tail));
  return frame_put(to, 1, text, size + strlen(tail));
}
