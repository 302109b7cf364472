/*
 * The load generator: one thread that opens connections, lets publishers publish, and counts what every subscriber gets.
 * run.ts starts it once per run and reads the JSON it prints. A publisher is a subscriber too: it learns from its own
 * message coming back that a publish is through, which works alike for every server.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"

#define OPENING_AT_ONCE 64
#define DRAIN_SILENCE_NS 3000000000ull
#define AFTER_DRAIN_NS 200000000ull

struct config config;
struct totals totals;
struct connection *connections;
uint64_t epoch_ns;

static uint32_t connection_count;
static int poll_fd, timer_fd;
static int publishing;
static uint64_t window_from, window_to; /* send times whose latency counts, on the payload's clock */
static uint64_t next_due, interval_ns;
static uint32_t next_publisher;

/* One payload reached one subscriber. */
void delivered(struct connection *c, uint32_t publisher, uint32_t sequence, uint64_t time_ns) {
  uint32_t slot = publisher - c->room * config.publishers;
  if (slot >= config.publishers) {
    totals.stray++;
    return;
  }
  if (sequence < c->expected[slot]) {
    totals.doubled++;
    return;
  }
  totals.lost += sequence - c->expected[slot];
  c->expected[slot] = sequence + 1;
  totals.delivered++;
  if ((int32_t)slot == c->slot) c->echoed++;
  if (config.mode != LATENCY || time_ns < window_from || time_ns >= window_to) return;
  sample_add(now_ns() - epoch_ns - time_ns);
}

/* Sends `count` publishes of one connection in one write. */
void publish(struct connection *c, uint32_t count, uint64_t time_ns) {
  uint8_t frames[64 * PUBLISH_SIZE];
  while (count > 0) {
    uint32_t batch = count < 64 ? count : 64;
    size_t size = 0;
    for (uint32_t i = 0; i < batch; i++) {
      c->sent++;
      size += dialect_publish(c, time_ns, frames + size);
    }
    totals.published += batch;
    totals.expected += (uint64_t)batch * (config.members - config.stalled);
    count -= batch;
    connection_write(c, frames, size);
  }
}

/* Waits up to `ms` for bytes and handles them; returns how many connections had some. */
static int turn(int ms) {
  static struct epoll_event events[1024];
  int count = epoll_wait(poll_fd, events, 1024, ms);
  if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
  int read = 0;
  for (int i = 0; i < count; i++) {
    struct connection *c = events[i].data.ptr;
    if (!c) continue;
    connection_read(c);
    read++;
    if (c->stalled && c->stage == READY) epoll_ctl(poll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    if (!publishing || config.mode != THROUGHPUT || c->slot < 0) continue;
    uint32_t due = config.outstanding - (c->sent - c->echoed);
    if (due > 0) publish(c, due, now_ns() - epoch_ns);
  }
  return read;
}

static void watch(int fd, void *data) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = data};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl: %s", strerror(errno));
}

/* The publishers of a room stand in its middle, so that none is always served first or last. */
static int32_t slot_of(uint32_t member) {
  uint32_t first = (config.members - config.publishers) / 2;
  return member >= first && member < first + config.publishers ? (int32_t)(member - first) : -1;
}

static struct connection *publisher(uint32_t number) {
  uint32_t room = number / config.publishers, slot = number % config.publishers;
  return &connections[room * config.members + (config.members - config.publishers) / 2 + slot];
}

/* Those who stall are the last of their room. */
static int stalls(uint32_t number) { return number % config.members >= config.members - config.stalled; }

static void open_one(uint32_t number) {
  struct connection *c = &connections[number];
  c->room = number / config.members;
  c->slot = slot_of(number % config.members);
  c->stalled = (uint8_t)stalls(number);
  c->expected = malloc(config.publishers * sizeof *c->expected);
  if (!c->expected && config.publishers > 0) fail("out of memory");
  for (uint32_t i = 0; i < config.publishers; i++) c->expected[i] = publisher(c->room * config.publishers + i)->sent + 1;
  connection_open(c, number);
  watch(c->fd, c);
}

/* Opens all that stall, or all that don't, and waits until they are in. */
static void open_all(int stalled) {
  uint32_t wanted = totals.ready + config.rooms * (stalled ? config.stalled : config.members - config.stalled);
  uint32_t next = 0, opened = totals.ready, ready = totals.ready;
  uint64_t progress = now_ns();
  while (totals.ready < wanted) {
    for (; opened < wanted && opened - totals.ready < OPENING_AT_ONCE; next++) {
      if (stalls(next) != stalled) continue;
      open_one(next);
      opened++;
    }
    turn(100);
    if (totals.ready != ready) progress = now_ns();
    ready = totals.ready;
    if (now_ns() - progress > 10000000000ull) fail("only %u of %u connections got in", ready, wanted);
  }
}

static void arm_timer(void) {
  uint64_t at = epoch_ns + next_due;
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Latency: sends what the timetable says is due, each stamped with the time it was due, however late it is sent. */
static void keep_timetable(void) {
  uint64_t now = now_ns() - epoch_ns;
  if (next_due > now) return;
  while (next_due <= now) {
    publish(publisher(next_publisher), 1, next_due);
    next_publisher = (next_publisher + 1) % (config.rooms * config.publishers);
    next_due += interval_ns;
  }
  arm_timer();
}

static void start_publishing(void) {
  publishing = 1;
  if (config.mode == LATENCY) {
    interval_ns = (uint64_t)(1e9 / config.rate);
    next_due = now_ns() - epoch_ns + interval_ns;
    arm_timer();
    return;
  }
  for (uint32_t i = 0; i < config.rooms * config.publishers; i++) publish(publisher(i), config.outstanding, now_ns() - epoch_ns);
}

static void run_until(uint64_t until) {
  while (now_ns() - epoch_ns < until) {
    int busy = turn(10);
    if (config.mode == LATENCY) keep_timetable();
    else if (config.nap_us > 0 && busy < 256) usleep(config.nap_us);
  }
}

/* Reads on until everything published has arrived everywhere, or nothing has come for a while. */
static int drain(void) {
  uint64_t heard = now_ns();
  publishing = 0;
  while (totals.delivered < totals.expected && now_ns() - heard < DRAIN_SILENCE_NS) {
    if (turn(100) > 0) heard = now_ns();
  }
  return totals.delivered >= totals.expected;
}

/* To be called once, at the end: what never came, and what comes twice, which has a moment to do so. */
static void settle(void) {
  for (uint64_t from = now_ns(); now_ns() - from < AFTER_DRAIN_NS;) turn(20);
  for (uint32_t i = 0; i < connection_count; i++) {
    for (uint32_t slot = 0; slot < config.publishers; slot++) {
      struct connection *author = publisher(connections[i].room * config.publishers + slot);
      totals.lost += author->sent + 1 - connections[i].expected[slot];
    }
  }
}

/* Holds the connections, answering pings, until standard input has a byte or ends. */
static void hold(void) {
  printf("{\"ready\":%u}\n", totals.ready);
  fflush(stdout);
  struct epoll_event events[64];
  char byte;
  for (;;) {
    int count = epoll_wait(poll_fd, events, 64, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) connection_read(events[i].data.ptr);
      else if (read(STDIN_FILENO, &byte, 1) >= 0) return;
    }
  }
}

/* Lets those in who will stall, once all is warm, and has the server's memory looked at before anything is sent to them. */
static void stall(void) {
  drain();
  open_all(1);
  hold();
  start_publishing();
}

/* Has the server's memory looked at while it owes them, and then lets them read: they lose nothing either. */
static int resume(uint64_t owed_from) {
  hold();
  /* How late they get it is their own doing. */
  window_to = 0;
  totals.expected += (totals.published - owed_from) * config.stalled;
  for (uint32_t i = 0; i < connection_count; i++) {
    if (!stalls(i)) continue;
    connection_resume(&connections[i]);
    watch(connections[i].fd, &connections[i]);
  }
  return drain();
}

static void measure(void) {
  start_publishing();
  run_until(now_ns() - epoch_ns + (uint64_t)(config.warmup * 1e9));
  if (config.stalled > 0) stall();
  window_from = now_ns() - epoch_ns;
  window_to = window_from + (uint64_t)(config.seconds * 1e9);
  struct usage from = usage_now();
  uint64_t published = totals.published, before = totals.delivered;
  run_until(window_to);
  struct usage to = usage_now();
  uint64_t in_window = totals.delivered - before;
  int drained = drain();
  if (config.stalled > 0 && !resume(published)) drained = 0;
  settle();
  report(&from, &to, in_window, drained);
}

static void parse(int count, char **words) {
  static const char *dialects[] = {"syncline", "ws", "socketio"}, *modes[] = {"throughput", "latency", "idle"};
  int known = 0;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = words[i], *value = words[i + 1];
    int is_dialect = strcmp(name, "dialect") == 0, is_mode = strcmp(name, "mode") == 0;
    for (int k = 0; k < 3; k++) {
      if (is_dialect && strcmp(value, dialects[k]) == 0) config.dialect = (enum dialect)k, known++;
      if (is_mode && strcmp(value, modes[k]) == 0) config.mode = (enum mode)k, known++;
    }
    if (strcmp(name, "port") == 0) config.port = atoi(value);
    if (strcmp(name, "pids") == 0) config.server_pids = value;
    if (strcmp(name, "rooms") == 0) config.rooms = (uint32_t)atoi(value);
    if (strcmp(name, "members") == 0) config.members = (uint32_t)atoi(value);
    if (strcmp(name, "publishers") == 0) config.publishers = (uint32_t)atoi(value);
    if (strcmp(name, "outstanding") == 0) config.outstanding = (uint32_t)atoi(value);
    if (strcmp(name, "rate") == 0) config.rate = atof(value);
    if (strcmp(name, "stalled") == 0) config.stalled = (uint32_t)atoi(value);
    if (strcmp(name, "payload") == 0) config.payload = (uint32_t)atoi(value);
    if (strcmp(name, "tokens") == 0) config.tokens = value;
    if (strcmp(name, "warmup") == 0) config.warmup = atof(value);
    if (strcmp(name, "seconds") == 0) config.seconds = atof(value);
    if (strcmp(name, "nap") == 0) config.nap_us = (uint32_t)atoi(value);
  }
  uint64_t publishers = (uint64_t)config.rooms * config.publishers;
  if (known != 2 || config.port == 0 || config.members == 0 || config.rooms == 0) fail("arguments are missing");
  if (config.publishers > config.members || publishers > 89999) fail("too many publishers");
  if (config.mode != IDLE && publishers == 0) fail("nobody publishes");
  if (config.mode != IDLE && (config.payload < PAYLOAD_MIN || config.payload > PAYLOAD_MAX)) fail("no such payload");
  if (config.stalled > 0 && (config.mode != LATENCY || config.stalled >= config.members / 2)) fail("too many stall");
}

int main(int count, char **words) {
  struct rlimit files;
  parse(count, words);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoch_ns = now_ns();
  connection_count = config.rooms * config.members;
  connections = calloc(connection_count, sizeof *connections);
  poll_fd = epoll_create1(0);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  if (!connections || poll_fd < 0 || timer_fd < 0) fail("no memory or no epoll");
  tokens_load();
  watch(STDIN_FILENO, NULL);
  open_all(0);
  if (config.mode == LATENCY) watch(timer_fd, NULL);
  if (config.mode == IDLE) hold();
  else measure();
  return 0;
}
