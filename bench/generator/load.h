/*
 * The words that the parts of the load generator share: what a run is asked to do, one connection, and the totals.
 * main.c drives, connection.c moves bytes, wire.c knows WebSocket, dialect.c knows the three servers, measure.c counts.
 * The generator never looks at how a server frames its messages to count deliveries: it scans for the payload's marker.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

enum dialect { SYNCLINE, PLAIN, SOCKETIO };

/* Throughput answers each own message with the next one, latency keeps to a timetable, idle only holds connections. */
enum mode { THROUGHPUT, LATENCY, IDLE };

struct config {
  enum dialect dialect;
  enum mode mode;
  int port;
  const char *server_pids; /* joined by + */
  uint32_t rooms;
  uint32_t members;     /* connections in each room, all of them subscribers */
  uint32_t publishers;  /* how many of them also publish */
  uint32_t outstanding; /* throughput: publishes on the way, per publisher */
  double rate;          /* latency: publishes per second, all publishers together */
  uint32_t stalled;     /* latency: how many of a room's members read nothing once they are subscribed */
  uint32_t payload;     /* bytes of a payload */
  const char *tokens;   /* a file of tokens, one a line, of which each connection sends one at its handshake; NULL for none */
  double warmup;        /* seconds */
  double seconds;
  uint32_t nap_us; /* throughput: pause between two rounds of reading, so that the server needn't wake us for each frame */
};

enum stage { HANDSHAKE, JOINING, READY };

struct connection {
  int fd;
  uint8_t stage;
  uint8_t stalled;     /* reads nothing, until the server's memory has been looked at */
  uint32_t room;
  int32_t slot;        /* which publisher of its room this is; -1 for none */
  uint32_t sent;       /* publishes, which is also the last sequence number used */
  uint32_t echoed;     /* own messages that came back */
  uint32_t *expected;  /* by publisher of the room: the sequence number that comes next */
  uint64_t remaining;  /* bytes of the current data frame still to come */
  uint32_t carry_size; /* bytes kept from the last read because they couldn't be used alone */
  uint8_t carry[2048];
};

struct totals {
  uint64_t published;
  uint64_t expected; /* deliveries that all this makes */
  uint64_t delivered;
  uint64_t lost;
  uint64_t doubled; /* came again, or after a later one of the same publisher */
  uint64_t stray;   /* of a publisher that isn't in this room */
  uint32_t ready;
};

extern struct config config;
extern struct totals totals;
extern struct connection *connections;

/* measure.c */
struct usage {
  double at;        /* seconds */
  double generator; /* seconds of processor time used so far: by us, */
  double server;    /* by the server, */
  double everybody; /* and by everything on this machine */
};
uint64_t now_ns(void);
struct usage usage_now(void);
void sample_add(uint64_t ns);
void report(const struct usage *from, const struct usage *to, uint64_t delivered, int drained);

/* connection.c */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void connection_open(struct connection *c, uint32_t number);
void connection_write(struct connection *c, const void *data, size_t size);
void connection_read(struct connection *c);
void connection_resume(struct connection *c);

/* wire.c */
#define MARK_SIZE 43    /* from the marker to the end of the send time */
#define PAYLOAD_MIN 64 /* holds the marker, and an end that doesn't look like one */
#define PAYLOAD_MAX 1536
size_t frame_put(uint8_t *to, uint8_t opcode, const char *text, size_t size);
void payload_put(char *to, uint32_t publisher, uint32_t sequence, uint64_t time_ns);
size_t frames_take(struct connection *c, const uint8_t *data, size_t size);

/* dialect.c */
#define PUBLISH_SIZE 2048
void tokens_load(void);
size_t dialect_request(const struct connection *c, char *to, size_t size);
void dialect_upgraded(struct connection *c);
void dialect_text(struct connection *c, const char *text, size_t seen, uint64_t size);
size_t dialect_publish(struct connection *c, uint64_t time_ns, uint8_t *to);

/* main.c */
extern uint64_t epoch_ns; /* send times in payloads count from here */
void delivered(struct connection *c, uint32_t publisher, uint32_t sequence, uint64_t time_ns);
void publish(struct connection *c, uint32_t count, uint64_t time_ns);

#endif
