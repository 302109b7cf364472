/*
 * WebSocket frames and the payload that travels in them. Outgoing frames are masked as a client's must be; incoming ones
 * are walked header by header, and the bytes of data frames are scanned for the payload's marker, wherever it stands.
 * It knows nothing of what the servers say beside payloads: the beginning of each text frame goes to dialect.c.
 */
#include <string.h>

#include "load.h"

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* How much of a text frame's beginning dialect.c gets to see, where the frame has as much. */
#define HEAD_SIZE 16

static uint32_t mask_state = 0x9e3779b9;

/* Writes one masked frame of up to 64 KiB and returns its size. */
size_t frame_put(uint8_t *to, uint8_t opcode, const char *text, size_t size) {
  size_t at = 0;
  to[at++] = (uint8_t)(0x80 | opcode);
  if (size < 126) {
    to[at++] = (uint8_t)(0x80 | size);
  } else {
    to[at++] = 0x80 | 126;
    to[at++] = (uint8_t)(size >> 8);
    to[at++] = (uint8_t)size;
  }
  mask_state ^= mask_state << 13;
  mask_state ^= mask_state >> 17;
  mask_state ^= mask_state << 5;
  uint8_t mask[4];
  memcpy(mask, &mask_state, 4);
  memcpy(to + at, mask, 4);
  at += 4;
  for (size_t i = 0; i < size; i++) to[at + i] = (uint8_t)text[i] ^ mask[i & 3];
  return at + size;
}

static char *put_digits(char *to, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    to[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return to + digits;
}

static char *put_text(char *to, const char *text) {
  size_t size = strlen(text);
  memcpy(to, text, size);
  return to + size;
}

/*
 * Writes a payload: {"^":publisher,"s":sequence,"t":time,"x":"…"}. Each number starts with a 1 so that it has a fixed
 * width and is the same after a server has parsed and printed it again; all are exact as JavaScript numbers.
 */
void payload_put(char *to, uint32_t publisher, uint32_t sequence, uint64_t time_ns) {
  char *at = put_text(to, "{\"^\":");
  at = put_digits(at, 10000 + publisher, 5);
  at = put_digits(put_text(at, ",\"s\":"), 100000000 + sequence, 9);
  at = put_digits(put_text(at, ",\"t\":"), 1000000000000000 + time_ns, 16);
  at = put_text(at, ",\"x\":\"");
  while (at < to + config.payload - 2) *at++ = 'x';
  put_text(at, "\"}");
}

/* The digits of such a number, without the 1 it starts with. */
static uint64_t take_digits(const uint8_t *from, int digits) {
  uint64_t value = 0;
  for (int i = 1; i < digits; i++) value = value * 10 + (uint64_t)(from[i] - '0');
  return value;
}

/* Counts every marker in a piece of a data frame; returns how many bytes it could use. `more`: the frame goes on after it. */
static size_t scan(struct connection *c, const uint8_t *data, size_t size, int more) {
  size_t at = 0;
  while (at < size) {
    const uint8_t *mark = memchr(data + at, '^', size - at);
    if (!mark) break;
    size_t left = (size_t)(data + size - mark);
    if (left < MARK_SIZE) {
      if (more) return (size_t)(mark - data);
      fail("a payload arrived cut short");
    }
    if (mark[1] != '"' || mark[2] != ':' || mark[8] != ',' || mark[22] != ',') fail("a payload arrived changed");
    uint32_t publisher = (uint32_t)(take_digits(mark + 2, 6) - 10000);
    uint32_t sequence = (uint32_t)take_digits(mark + 13, 9);
    delivered(c, publisher, sequence, take_digits(mark + 27, 16));
    at = (size_t)(mark - data) + MARK_SIZE;
  }
  return size;
}

static void control(struct connection *c, uint8_t opcode, const uint8_t *body, size_t size) {
  uint8_t answer[160];
  if (opcode == PING) connection_write(c, answer, frame_put(answer, PONG, (const char *)body, size));
  if (opcode != CLOSE) return;
  int code = size >= 2 ? body[0] << 8 | body[1] : 1005;
  fail("the server closed a connection with code %d %.*s", code, size > 2 ? (int)size - 2 : 0, (const char *)body + 2);
}

/* Takes one frame header and, of a control frame, its body too. Returns the bytes used, 0 when more are needed. */
static size_t take_header(struct connection *c, const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  uint8_t opcode = data[0] & 15;
  uint64_t length = data[1] & 127;
  size_t header = length == 126 ? 4 : length == 127 ? 10 : 2;
  if (data[1] & 128 || data[0] & 0x70) fail("the server sent a masked or compressed frame");
  if (size < header) return 0;
  if (header > 2) {
    length = 0;
    for (size_t i = 2; i < header; i++) length = length << 8 | data[i];
  }
  size_t wanted = opcode >= CLOSE || length < HEAD_SIZE ? length : HEAD_SIZE;
  if (size - header < wanted) return 0;
  if (opcode >= CLOSE) {
    control(c, opcode, data + header, length);
    return header + length;
  }
  if (opcode == BINARY) fail("the server sent a binary frame");
  size_t seen = size - header < length ? size - header : length;
  if (opcode == TEXT) dialect_text(c, (const char *)data + header, seen, length);
  c->remaining = length;
  return header;
}

/* Walks through what arrived; returns how many bytes were used. The rest is to be offered again in front of the next. */
size_t frames_take(struct connection *c, const uint8_t *data, size_t size) {
  size_t at = 0;
  while (at < size) {
    if (c->remaining == 0) {
      size_t used = take_header(c, data + at, size - at);
      if (used == 0) return at;
      at += used;
      continue;
    }
    size_t piece = size - at < c->remaining ? size - at : c->remaining;
    size_t used = scan(c, data + at, piece, piece < c->remaining);
    c->remaining -= used;
    at += used;
    if (used < piece) return at;
  }
  return at;
}
